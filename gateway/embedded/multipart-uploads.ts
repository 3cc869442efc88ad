import { randomUUID } from 'node:crypto';
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { S3_USER_AGENT } from '#shared/storage/s3-client.ts';
import { readFileStream } from '#shared/streams/file-streams.ts';
import { type KoaContext, s3Error, type S3rverStore } from './s3rver.ts';

/** Multipart uploads of the embedded store. s3rver has no request that aborts one. */

/** An upload without a new part for this time is removed. S3 does that with a lifecycle rule. */
const ABANDONED_MS = 24 * 3600 * 1000;
/** The same for uploads of Sluice, whose parts are small. The process that sent them was killed. */
const OWN_ABANDONED_MS = 3600 * 1000;
/** Maximum number of parts of an upload, as in S3. */
const MAX_PARTS = 10_000;
/** The ids that s3rver generates. They are names of folders. */
const UPLOAD_ID = /^[0-9a-f]{32}$/;
const UPLOADS_FOLDER = '._S3rver_uploads';

type WriteSynced = (path: string, content: Readable) => Promise<{ size: number; md5: string }>;

/** Replaces the methods of s3rver for parts, and completes an upload only if all of its parts exist. */
export function makePartsAtomic(store: S3rverStore, staging: string, writeSynced: WriteSynced): void {
  store.putPart = async (bucket, uploadId, partNumber, content) => {
    const folder = await uploadFolder(store, bucket, uploadId);
    if (!/^\d{1,5}$/.test(partNumber) || Number(partNumber) < 1 || Number(partNumber) > MAX_PARTS)
      throw s3Error(400, 'InvalidArgument', `The part number must be from 1 to ${MAX_PARTS}.`);
    const path = join(folder, String(Number(partNumber)));
    const part = join(staging, randomUUID());
    try {
      const written = await writeSynced(part, content);
      await writeFile(`${path}.md5`, written.md5);
      await rename(part, path);
      return written;
    } catch (thrown) {
      await rm(part, { force: true });
      // An abort has removed the folder.
      throw (thrown as NodeJS.ErrnoException).code === 'ENOENT' ? noSuchUpload() : thrown;
    }
  };
  store.putObjectMultipart = async (bucket, uploadId, parts) => {
    const folder = await uploadFolder(store, bucket, uploadId);
    const paths = parts.toSorted((a, b) => a.number - b.number).map(({ number }) => join(folder, String(number)));
    for (const path of paths)
      if (!(await exists(path))) throw s3Error(400, 'InvalidPart', 'A part of the request was not uploaded.');
    const [key, metadata] = await Promise.all([
      readFile(join(folder, 'key'), 'utf8'),
      readFile(join(folder, 'metadata'), 'utf8'),
    ]);
    const content = Readable.from(concatenate(paths));
    try {
      const headers = JSON.parse(metadata) as Record<string, string>;
      const written = await store.putObject({ bucket, key, content, metadata: headers });
      await rm(folder, { recursive: true, force: true });
      return written;
    } finally {
      content.destroy();
    }
  };
}

async function* concatenate(paths: string[]): AsyncIterable<Buffer> {
  for (const path of paths) yield* readFileStream(path) as AsyncIterable<Buffer>;
}

/** Middleware of Koa: handles AbortMultipartUpload, `DELETE /BUCKET/KEY?uploadId=ID`. */
export function answerAborts(store: S3rverStore) {
  return async (context: KoaContext, next: () => Promise<void>): Promise<void> => {
    const { pathname, searchParams } = new URL(context.req.url ?? '/', 'http://localhost');
    const uploadId = searchParams.get('uploadId');
    if (context.req.method !== 'DELETE' || uploadId === null) return next();
    const bucket = decodeURIComponent(pathname.split('/')[1] ?? '');
    await rm(await uploadFolder(store, bucket, uploadId), { recursive: true, force: true });
    context.status = 204;
  };
}

/** The folder of an upload that has begun. Throws NoSuchUpload. */
async function uploadFolder(store: S3rverStore, bucket: string, uploadId: string): Promise<string> {
  const folder = join(store.getResourcePath(bucket, undefined, 'uploads'), uploadId);
  if (!UPLOAD_ID.test(uploadId) || !(await exists(folder))) throw noSuchUpload();
  return folder;
}

function noSuchUpload(): Error {
  return s3Error(404, 'NoSuchUpload', 'The multipart upload does not exist. It was completed or aborted.');
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/**
 * Removes abandoned multipart uploads. At the start of the store (`starting`), every upload that a process of Sluice
 * began is abandoned, because these processes end with the store.
 */
export async function removeAbandonedUploads(
  root: string,
  buckets: string[],
  { starting, now = Date.now() }: { starting: boolean; now?: number },
): Promise<number> {
  let removed = 0;
  for (const bucket of buckets) {
    const uploads = join(root, bucket, UPLOADS_FOLDER);
    for (const name of await readdir(uploads).catch(() => [])) {
      const folder = join(uploads, name);
      if (!(await isAbandoned(folder, starting, now))) continue;
      await rm(folder, { recursive: true, force: true });
      removed += 1;
    }
  }
  return removed;
}

async function isAbandoned(folder: string, starting: boolean, now: number): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(folder); // Each new part changes it.
    const own = (await readFile(join(folder, 'metadata'), 'utf8').catch(() => '')).includes(S3_USER_AGENT);
    return (own && starting) || now - mtimeMs > (own ? OWN_ABANDONED_MS : ABANDONED_MS);
  } catch {
    return false; // The upload was completed or aborted.
  }
}

/** Shorter than the time after which clients regard a connection as dead. */
const INTERVAL_MS = 10_000;
const XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

/**
 * Middleware of Koa for CompleteMultipartUpload and UploadPartCopy. Joining the parts of a large file takes minutes.
 * Meanwhile, spaces are sent, so that the client does not regard the connection as dead. An error is then sent with
 * status 200. Both are the behavior of S3, which clients expect for these requests.
 */
export function keepAliveWhileWriting(intervalMs = INTERVAL_MS) {
  return async (context: KoaContext, next: () => Promise<void>): Promise<void> => {
    const { req, res } = context;
    const isLong = req.method === 'POST' || (req.method === 'PUT' && 'x-amz-copy-source' in req.headers);
    if (!isLong || !/[?&]uploadId=/.test(req.url ?? '')) return next();
    const timer = setInterval(() => {
      if (!res.headersSent) {
        context.respond = false;
        res.writeHead(200, { 'content-type': 'application/xml' }).write(XML_DECLARATION);
      }
      res.write(' ');
    }, intervalMs);
    try {
      await next();
      if (res.headersSent) res.end(withoutDeclaration(String(context.body)));
    } catch (thrown) {
      if (!res.headersSent) throw thrown;
      res.end(withoutDeclaration((thrown as { toXML?: () => string }).toXML?.() ?? INTERNAL_ERROR));
    } finally {
      clearInterval(timer);
    }
  };
}

const INTERNAL_ERROR = '<Error><Code>InternalError</Code><Message>The upload could not be completed.</Message></Error>';

function withoutDeclaration(xml: string): string {
  return xml.replace(/^<\?xml[^>]*>\s*/, '');
}
