import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { element, escapeXml, type KoaContext, optional, s3Error, type S3rverStore, xmlResponse } from './s3rver.ts';

/**
 * Lists objects as ListObjects and ListObjectsV2 of S3
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html). s3rver 3.7 lists in the order of the
 * folders, so that later pages lack objects, and its continuation tokens need a cipher that OpenSSL 3 does not have.
 */

/** S3 returns at most this number of keys and common prefixes. */
const MAX_KEYS = 1000;
/** The end of the name of a file with the content of an object. */
const OBJECT_SUFFIX = '._S3rver_object';
/** Parameters of the requests that list objects. */
const LIST_PARAMETERS = new Set([
  ...['list-type', 'prefix', 'delimiter', 'max-keys', 'encoding-type', 'marker', 'fetch-owner', 'start-after'],
  ...['continuation-token', 'versions', 'key-marker', 'version-id-marker', 'metadata', 'x-id'],
]);
/** The owner that is returned for all objects. */
const OWNER = 'sluice';

/** Where a page of a listing begins. */
interface Position {
  /** The page contains only keys after this one. */
  after: string;
  /** No keys with this prefix: the common prefix at the end of the last page. */
  skip?: string | undefined;
}

interface ListRequest extends Position {
  prefix: string;
  delimiter: string;
  maxKeys: number;
}

interface Page {
  keys: string[];
  commonPrefixes: string[];
  /** Set when there are further keys. */
  next?: Position;
}

/** Parameters of the requests for a bucket that s3rver handles. It lists objects for those that it does not support. */
const OTHER_REQUESTS = ['location', 'cors', 'website'];

/** Middleware of Koa: handles `GET /BUCKET`, with `versions` and `versioning` too. The buckets have no versions. */
export function listObjects(root: string, store: S3rverStore) {
  return async (context: KoaContext, next: () => Promise<void>): Promise<void> => {
    const { pathname, searchParams: query } = new URL(context.req.url ?? '/', 'http://localhost');
    const bucket = decodeURIComponent(pathname).replace(/^\/|\/$/g, '');
    if (context.req.method !== 'GET' || bucket === '' || bucket.includes('/')) return next();
    if (OTHER_REQUESTS.some((name) => query.has(name))) return next();
    if (query.has('versioning')) return xmlResponse(context, 'VersioningConfiguration', '');
    rejectOtherRequests(query);
    const request = parseRequest(query);
    const page = await readPage(join(root, bucket), request);
    const objects = await Promise.all(page.keys.map((key) => describeObject(store, bucket, key)));
    const found = objects.filter((object) => object !== undefined);
    const result = query.has('versions') ? 'ListVersionsResult' : 'ListBucketResult';
    xmlResponse(context, result, pageXml(bucket, query, request, page, found));
  };
}

function rejectOtherRequests(query: URLSearchParams): void {
  if (query.has('policy')) throw s3Error(404, 'NoSuchBucketPolicy', 'The bucket policy does not exist.');
  const other = [...query.keys()].find((name) => !LIST_PARAMETERS.has(name));
  if (other !== undefined) throw s3Error(501, 'NotImplemented', `The request with ${other} is not implemented.`);
}

function parseRequest(query: URLSearchParams): ListRequest {
  const limit = query.get('max-keys') ?? String(MAX_KEYS);
  if (!/^\d{1,10}$/.test(limit)) throw s3Error(400, 'InvalidArgument', 'max-keys is not a whole number of 0 or more.');
  const delimiter = query.get('delimiter') ?? '';
  const prefix = query.get('prefix') ?? '';
  return {
    prefix,
    delimiter,
    maxKeys: Math.min(Number(limit), MAX_KEYS),
    ...(query.get('list-type') === '2' ? positionV2(query) : positionV1(query, prefix, delimiter)),
  };
}

function positionV2(query: URLSearchParams): Position {
  const token = query.get('continuation-token');
  if (token === null) return { after: query.get('start-after') ?? '' };
  try {
    const { after, skip } = JSON.parse(Buffer.from(token, 'base64url').toString()) as Partial<Position>;
    if (typeof after === 'string' && ['string', 'undefined'].includes(typeof skip)) return { after, skip };
  } catch {
    // No token of this server.
  }
  throw s3Error(400, 'InvalidArgument', 'The continuation token is not valid.');
}

/**
 * The marker of version 1 is the last key or common prefix of the page before. With the prefix `a/`, the marker `a/` is
 * a key.
 */
function positionV1(query: URLSearchParams, prefix: string, delimiter: string): Position {
  const after = query.get(query.has('versions') ? 'key-marker' : 'marker') ?? '';
  return commonPrefix(after, prefix, delimiter) === after ? { after, skip: after } : { after };
}

/** The common prefix that contains a key with `prefix`; undefined without a delimiter after `prefix`. */
function commonPrefix(key: string, prefix: string, delimiter: string): string | undefined {
  const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
  return end === -1 ? undefined : key.slice(0, end + delimiter.length);
}

/** Reads one page. `bucket` is the folder of the bucket. */
async function readPage(bucket: string, request: ListRequest): Promise<Page> {
  const { prefix, delimiter, maxKeys, after, skip } = request;
  const page: Page = { keys: [], commonPrefixes: [] };
  if (maxKeys === 0) return page;
  const position: Position = { after, skip };
  for await (const key of keysOf(bucket, '', prefix, position)) {
    if (page.keys.length + page.commonPrefixes.length === maxKeys) return { ...page, next: { ...position } };
    position.after = key;
    position.skip = commonPrefix(key, prefix, delimiter);
    if (position.skip === undefined) page.keys.push(key);
    else page.commonPrefixes.push(position.skip);
  }
  return page;
}

/** The keys of a folder in the order of S3: UTF-8 bytes. `position` may change during the iteration. */
async function* keysOf(folder: string, base: string, prefix: string, position: Position): AsyncIterable<string> {
  for (const { name, isFolder } of await readNames(folder)) {
    const key = base + name;
    const { after, skip } = position;
    if (skip !== undefined && key.startsWith(skip)) continue;
    if (isFolder) {
      const isBefore = compareKeys(key, after) < 0 && !after.startsWith(key);
      if (!isBefore && (key.startsWith(prefix) || prefix.startsWith(key)))
        yield* keysOf(join(folder, name), key, prefix, position);
    } else if (key.startsWith(prefix) && compareKeys(key, after) > 0) yield key;
  }
}

/** The names of objects, and of folders with a slash at the end, in the order of their keys. */
async function readNames(folder: string): Promise<{ name: string; isFolder: boolean }[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((thrown: NodeJS.ErrnoException): Dirent[] => {
    if (thrown.code === 'ENOENT') return []; // A folder is removed with its last object.
    throw thrown;
  });
  return entries
    .filter((entry) => entry.isDirectory() || entry.name.endsWith(OBJECT_SUFFIX))
    .map((entry) => ({
      name: entry.isDirectory() ? `${entry.name}/` : entry.name.slice(0, -OBJECT_SUFFIX.length),
      isFolder: entry.isDirectory(),
    }))
    .sort((a, b) => compareKeys(a.name, b.name));
}

const SURROGATE = /[\ud800-\udfff]/;

/** The order of UTF-8. It is the order of JavaScript strings, except for characters beyond U+FFFF. */
function compareKeys(a: string, b: string): number {
  if (SURROGATE.test(a) || SURROGATE.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a === b ? 0 : a < b ? -1 : 1;
}

interface ListedObject {
  key: string;
  modified: string;
  etag: string;
  size: string;
}

/** The properties of an object. Undefined if it was deleted after the folder was read. */
async function describeObject(store: S3rverStore, bucket: string, key: string): Promise<ListedObject | undefined> {
  try {
    const metadata = await store.getMetadata(bucket, key);
    return {
      key,
      modified: new Date(metadata['last-modified'] ?? 0).toISOString(),
      etag: metadata.etag ?? '',
      size: String(metadata['content-length']),
    };
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw thrown;
  }
}

function pageXml(
  bucket: string,
  query: URLSearchParams,
  request: ListRequest,
  page: Page,
  objects: ListedObject[],
): string {
  const isV2 = query.get('list-type') === '2';
  const isVersions = query.has('versions');
  const isEncoded = query.get('encoding-type') === 'url';
  const keyText = (key: string) => escapeXml(isEncoded ? encodeURIComponent(key).replaceAll('%2F', '/') : key);
  const owner = `<Owner><ID>${OWNER}</ID><DisplayName>${OWNER}</DisplayName></Owner>`;
  const showsOwner = !isV2 || query.get('fetch-owner') === 'true';
  const onlyVersion = element('VersionId', 'null') + element('IsLatest', 'true');
  const contents = objects.map(({ key, modified, etag, size }) =>
    element(
      isVersions ? 'Version' : 'Contents',
      `${element('Key', keyText(key))}${isVersions ? onlyVersion : ''}${element('LastModified', modified)}` +
        `${element('ETag', escapeXml(etag))}${element('Size', size)}${showsOwner ? owner : ''}` +
        element('StorageClass', 'STANDARD'),
    ),
  );
  const prefixes = page.commonPrefixes.map(
    (prefix) => `<CommonPrefixes>${element('Prefix', keyText(prefix))}</CommonPrefixes>`,
  );
  const next = page.next?.skip ?? page.next?.after;
  const position = isV2
    ? element('KeyCount', String(objects.length + prefixes.length)) +
      optional('StartAfter', query.get('start-after'), keyText) +
      optional('ContinuationToken', query.get('continuation-token'), escapeXml) +
      optional('NextContinuationToken', page.next && tokenOf(page.next), escapeXml)
    : isVersions
      ? element('KeyMarker', keyText(query.get('key-marker') ?? '')) + optional('NextKeyMarker', next, keyText)
      : element('Marker', keyText(query.get('marker') ?? '')) + optional('NextMarker', next, keyText);
  return (
    element('Name', escapeXml(bucket)) +
    element('Prefix', keyText(request.prefix)) +
    position +
    element('MaxKeys', query.get('max-keys') ?? String(MAX_KEYS)) +
    (request.delimiter === '' ? '' : element('Delimiter', keyText(request.delimiter))) +
    (isEncoded ? element('EncodingType', 'url') : '') +
    element('IsTruncated', String(page.next !== undefined)) +
    contents.join('') +
    prefixes.join('')
  );
}

function tokenOf(position: Position): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}
