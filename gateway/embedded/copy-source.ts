import { stat } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { readFileStream } from '#shared/streams/file-streams.ts';
import { element, escapeXml, type KoaContext, s3Error, type S3rverStore, xmlResponse } from './s3rver.ts';

/**
 * Copies within the store. s3rver 3.7 has no UploadPartCopy, with which clients copy large objects, ignores the
 * conditions of CopyObject, and cannot copy keys with `#` or `+`. The object that is copied is the one whose conditions
 * were checked.
 */

interface CopySource {
  bucket: string;
  key: string;
  path: string;
  metadata: Record<string, string>;
  modifiedMs: number;
  size: number;
  inode: number;
}

/** First and last byte of a copy. */
type Range = Record<'start' | 'end', number>;

/**
 * Middleware of Koa for requests with a source: handles UploadPartCopy
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html), and gives s3rver the source of CopyObject.
 */
export function copyObjects(buckets: readonly string[], store: S3rverStore) {
  return async (context: KoaContext, next: () => Promise<void>): Promise<void> => {
    const { headers, method, url } = context.req;
    const header = headers['x-amz-copy-source'];
    if (method !== 'PUT' || typeof header !== 'string') return next();
    const source = await findSource(header, buckets, store);
    checkConditions(headers, source);
    const { pathname, searchParams } = new URL(url ?? '/', 'http://localhost');
    const uploadId = searchParams.get('uploadId');
    if (uploadId === null) {
      headers['x-amz-copy-source'] = encodeURI(`${source.bucket}/${source.key}`); // s3rver decodes it with decodeURI.
      context.store = copyingFrom(source, store);
      return next();
    }
    const range = parseRange(headers['x-amz-copy-source-range'], source.size);
    const content = Readable.from(readUnchanged(source, range));
    try {
      const bucket = decodeURIComponent(pathname.split('/')[1] ?? '');
      const { md5 } = await store.putPart(bucket, uploadId, searchParams.get('partNumber') ?? '', content);
      const modified = element('LastModified', new Date().toISOString());
      xmlResponse(context, 'CopyPartResult', modified + element('ETag', escapeXml(`"${md5}"`)));
    } finally {
      content.destroy();
    }
  };
}

/** The store, in which CopyObject copies this source. */
function copyingFrom(source: CopySource, store: S3rverStore): S3rverStore {
  const copyObject: S3rverStore['copyObject'] = async (_bucket, _key, bucket, key, replacement) => {
    const content = Readable.from(readUnchanged(source));
    await store.putObject({ bucket, key, metadata: replacement ?? source.metadata, content });
    return store.getMetadata(bucket, key);
  };
  return Object.assign(Object.create(store) as S3rverStore, { copyObject });
}

/** The object that the header names as `BUCKET/KEY`, percent-encoded. Throws NoSuchBucket and NoSuchKey. */
async function findSource(header: string, buckets: readonly string[], store: S3rverStore): Promise<CopySource> {
  const [, bucket = '', key = ''] = /^([^/]*)\/(.*)$/s.exec(decoded(header)) ?? [];
  if (!buckets.includes(bucket)) throw s3Error(404, 'NoSuchBucket', `The bucket ${bucket} does not exist.`);
  try {
    const path = store.getResourcePath(bucket, key, 'object');
    const { size, mtimeMs, ino } = await stat(path);
    const metadata = await store.getMetadata(bucket, key);
    return { bucket, key, path, metadata, size, modifiedMs: mtimeMs, inode: ino };
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    // A key outside the bucket is REQUEST_INVALID.
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'REQUEST_INVALID') throw noSuchKey(key);
    throw thrown;
  }
}

/** The buckets have no versions, whose version is `null`. */
function decoded(header: string): string {
  try {
    return decodeURIComponent(header.replace(/\?versionId=null$/, '')).replace(/^\//, '');
  } catch {
    throw s3Error(400, 'InvalidArgument', 'The percent-encoding of x-amz-copy-source is not valid.');
  }
}

function noSuchKey(key: string): Error {
  return s3Error(404, 'NoSuchKey', `The source ${JSON.stringify(key)} does not exist.`);
}

/** Throws PreconditionFailed. A condition about the ETag has priority over one about the time. */
function checkConditions(headers: IncomingHttpHeaders, { metadata, modifiedMs }: CopySource): void {
  const { etag = '' } = metadata;
  const conditionOf = (name: string) => headers[`x-amz-copy-source-if-${name}`]?.toString();
  const isEtag = (value: string) => value === '*' || value.replaceAll('"', '') === etag.replaceAll('"', '');
  const seconds = Math.floor(modifiedMs / 1000);
  const isModifiedSince = (date: string) => seconds > new Date(date).getTime() / 1000;
  const [match, noMatch] = [conditionOf('match'), conditionOf('none-match')];
  const [unmodified, since] = [conditionOf('unmodified-since'), conditionOf('modified-since')];
  const isFailed =
    (match === undefined ? unmodified !== undefined && isModifiedSince(unmodified) : !isEtag(match)) ||
    (noMatch === undefined ? since !== undefined && !isModifiedSince(since) : isEtag(noMatch));
  if (isFailed) throw s3Error(412, 'PreconditionFailed', 'The source does not meet a condition of the request.');
}

/**
 * The range of bytes to copy. Undefined for the whole object. Throws InvalidArgument and InvalidRange. S3 accepts only
 * this form, while libraries for the header `Range` accept several others.
 */
function parseRange(header: string | string[] | undefined, size: number): Range | undefined {
  if (header === undefined) return undefined;
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(header.toString()) ?? [];
  const range = { start: Number(first), end: Number(last) };
  if (!(range.start <= range.end))
    throw s3Error(400, 'InvalidArgument', 'x-amz-copy-source-range must have the form bytes=FIRST-LAST.');
  if (range.end >= size) throw s3Error(416, 'InvalidRange', `The source has only ${size} bytes.`);
  return range;
}

/** The bytes of the object that was found. Throws PreconditionFailed if it was replaced meanwhile. */
async function* readUnchanged({ path, key, modifiedMs, inode }: CopySource, range?: Range): AsyncGenerator<Buffer> {
  try {
    yield* readFileStream(path, range) as AsyncIterable<Buffer>;
    const now = await stat(path);
    if (now.ino === inode && now.mtimeMs === modifiedMs) return;
  } catch (thrown) {
    throw (thrown as NodeJS.ErrnoException).code === 'ENOENT' ? noSuchKey(key) : thrown;
  }
  throw s3Error(412, 'PreconditionFailed', 'The source was replaced during the request.');
}
