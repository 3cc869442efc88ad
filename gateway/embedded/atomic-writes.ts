import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { IncomingMessage } from 'node:http';
import { dirname, join, resolve, sep } from 'node:path';
import { PassThrough, Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isTooLong, MAX_KEY_BYTES, MAX_SEGMENT_BYTES } from '#shared/contracts/object-keys.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { ignoreError, writeFileStream } from '#shared/streams/file-streams.ts';
import { makePartsAtomic } from './multipart-uploads.ts';
import { s3Error, type S3rverStore } from './s3rver.ts';
import { bodyTransforms, contentEncoding } from './store-access/upload-body.ts';

/**
 * s3rver 3.7 writes an object directly to its final file. After an interrupted upload it serves a partial object, an
 * overwritten object is lost, an upload is acknowledged before its last bytes are written, and concurrent deletes in
 * one folder fail. The methods of this module write to a staging folder, sync, and move the files to their final place.
 * A journal allows the next start to complete the moves.
 */

/** The headers of an upload that S3 stores, in addition to `x-amz-meta-…`. */
const STORED_HEADERS = new Set([
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
  'x-amz-storage-class',
]);

const KEY_TOO_LONG = `A key has at most ${MAX_KEY_BYTES} bytes, and at most ${MAX_SEGMENT_BYTES} between two slashes.`;

/** Makes the writes of a store atomic. `staging` must be on the same file system as the objects. */
export function makeWritesAtomic(store: S3rverStore, root: string, staging: string): void {
  const plainPath = store.getResourcePath.bind(store);
  store.getResourcePath = (bucket, key, resource) => {
    if (key !== undefined && isTooLong(key)) throw s3Error(400, 'KeyTooLongError', KEY_TOO_LONG);
    const path = plainPath(bucket, key, resource);
    const bucketFolder = resolve(root, bucket);
    // s3rver uses buckets and keys as paths, so `..` could leave the bucket.
    if (dirname(bucketFolder) !== resolve(root) || !resolve(path).startsWith(bucketFolder + sep))
      throw new SluiceError('REQUEST_INVALID', `The key ${bucket}/${key} is outside its bucket.`);
    return path;
  };
  store.putObject = async (object) => {
    // The content can fail while the folder is created.
    if (object.content instanceof Readable) object.content.on('error', ignoreError);
    const folder = join(staging, randomUUID());
    await mkdir(folder);
    try {
      const written = await writeSynced(join(folder, 'object'), object.content);
      const metadata = JSON.stringify(pickMetadata(object.metadata), null, 2);
      await Promise.all([
        writeSynced(join(folder, 'object.md5'), written.md5),
        writeSynced(join(folder, 'metadata.json'), metadata),
      ]);
      const moves = RESOURCES.map((resource): Move => [
        resource,
        store.getResourcePath(object.bucket, object.key, resource),
      ]);
      await writeSynced(join(folder, 'writing'), JSON.stringify(moves));
      // From here on, the next start completes the upload.
      await rename(join(folder, 'writing'), join(folder, JOURNAL));
      await withoutFreeingBlocks(objectPath(store, object), staging, () => moveAll(folder, moves));
      return written;
    } catch (thrown) {
      await rm(folder, { recursive: true, force: true });
      throw thrown;
    }
  };
  // Synchronous, like the moves: no other request runs in between, so it cannot see a partial object or a removed
  // folder.
  store.deleteObject = async (bucket, key) => {
    const paths = RESOURCES.map((resource) => store.getResourcePath(bucket, key, resource));
    await withoutFreeingBlocks(objectPath(store, { bucket, key }), staging, () => {
      for (const path of paths.toReversed()) rmSync(path, { force: true });
      removeEmptyFolders(dirname(paths[0] ?? root), resolve(root, bucket));
    });
  };
  makePartsAtomic(store, staging, writeSynced);
}

/** Completes the interrupted uploads that have a journal, and removes the others. */
export async function repairStaging(staging: string): Promise<{ completed: number; removed: number }> {
  await mkdir(staging, { recursive: true });
  const found = { completed: 0, removed: 0 };
  for (const name of await readdir(staging)) {
    const folder = join(staging, name);
    const journal = await readFile(join(folder, JOURNAL), 'utf8').catch(() => undefined);
    if (journal === undefined) await rm(folder, { recursive: true, force: true });
    else moveAll(folder, JSON.parse(journal) as Move[]);
    found[journal === undefined ? 'removed' : 'completed'] += 1;
  }
  return found;
}

/** The files of an object, in the order in which they are moved: the content is last. */
const RESOURCES = ['metadata.json', 'object.md5', 'object'] as const;
const JOURNAL = 'journal.json';
/** A file of the staging folder, and its final path. */
type Move = [resource: string, path: string];

/** The file with the content of an object. */
function objectPath(store: S3rverStore, { bucket, key }: { bucket: string; key: string }): string {
  return store.getResourcePath(bucket, key, 'object');
}

function pickMetadata({ 'content-encoding': sent, ...headers }: Record<string, string>): Record<string, string> {
  const encoding = sent === undefined ? undefined : contentEncoding(sent);
  const stored = Object.entries(headers).filter(([name]) => STORED_HEADERS.has(name) || name.startsWith('x-amz-meta-'));
  return { ...Object.fromEntries(stored), ...(encoding === undefined ? {} : { 'content-encoding': encoding }) };
}

function removeEmptyFolders(folder: string, bucket: string): void {
  if (folder === bucket) return;
  try {
    rmdirSync(folder);
  } catch {
    return; // The folder is not empty.
  }
  removeEmptyFolders(dirname(folder), bucket);
}

/**
 * Moves the files of an object to their final place, synchronously so that two uploads of a key do not mix. Skips moved
 * files.
 */
function moveAll(folder: string, moves: Move[]): void {
  for (const [resource, path] of moves) {
    mkdirSync(dirname(path), { recursive: true });
    try {
      renameSync(join(folder, resource), path);
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
    }
  }
  rmSync(folder, { recursive: true, force: true });
}

/** Writes a file and syncs it to disk. Rejects and removes the file if the source or the file fails. */
async function writeSynced(path: string, content: Readable | Buffer | string): Promise<{ size: number; md5: string }> {
  const hash = createHash('md5');
  let size = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      size += chunk.length;
      done(null, chunk);
    },
  }).on('error', ignoreError);
  try {
    await pipeline([sourceOf(content), ...bodyTransforms(content), measure, writeFileStream(path)]);
    const file = await open(path, 'r');
    await file.sync().finally(() => file.close());
    return { size, md5: hash.digest('hex') };
  } catch (thrown) {
    await rm(path, { force: true });
    throw thrown;
  }
}

function sourceOf(content: Readable | Buffer | string): Readable {
  if (content instanceof IncomingMessage) return copyOf(content);
  return content instanceof Readable ? content : Readable.from([Buffer.from(content)]);
}

/**
 * The body of a request as another stream. When the file fails, the pipeline destroys the copy only: the connection
 * stays open for the response, and the rest of the body can be read and dropped (convertErrors).
 */
function copyOf(request: IncomingMessage): Readable {
  const copy = new PassThrough().on('error', ignoreError);
  const stop = () => {
    if (!request.readableEnded) copy.destroy(uploadInterrupted());
  };
  request.once('error', stop).once('close', stop);
  if (request.destroyed) stop();
  return request.pipe(copy);
}

function uploadInterrupted(): SluiceError {
  return new SluiceError('REQUEST_INVALID', 'The client closed the connection during the upload.');
}

/** To free the blocks of a file of this size takes less than a millisecond. */
const LARGE_BYTES = 2 ** 20;

/**
 * Calls `remove`, which deletes or replaces the file `path` synchronously. To free the blocks of a file takes half a
 * second per gigabyte, in which this process would respond to no request. So a large file gets a second name in
 * `folder`, on the same file system, until another thread has deleted it. If the process ends before, the name remains.
 */
export async function withoutFreeingBlocks<T>(path: string, folder: string, remove: () => T): Promise<T> {
  const second = join(folder, randomUUID());
  try {
    if ((await stat(path)).size >= LARGE_BYTES) await link(path, second);
  } catch {
    // There is no such file, or the file system has no links or is full. Then `remove` frees the blocks itself.
  }
  try {
    return remove();
  } finally {
    await rm(second, { force: true });
  }
}
