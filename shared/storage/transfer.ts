import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { PutObjectCommand, type PutObjectCommandInput, type S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { readAtMost } from '#shared/text/read-at-most.ts';
import { describeObject, type ObjectRef } from './s3-errors.ts';

/** Size and hash of what went through. */
export interface Digest {
  sha256: string;
  size: number;
}

const MEBIBYTE = 2 ** 20;
/** A file up to this size is sent from memory: one request, which the SDK can repeat when the connection breaks. */
const IN_MEMORY_BYTES = 8 * MEBIBYTE;
/** A file past this size is sent in parts, so that a lost connection costs one part and not all. Below it, the joining of the parts would cost more. */
const MULTIPART_BYTES = 256 * MEBIBYTE;
/** What a part holds at least; larger ones would only take more memory. */
const PART_BYTES = 8 * MEBIBYTE;
/** S3 allows no more, so the parts of a file past 78 GiB are larger. */
const PARTS_AT_MOST = 10_000;
/** Parts under way at once; each is held in memory. */
const PARTS_AT_ONCE = 2;
/** Reads of a file in chunks of 64 KiB (the default) cost more calls than the disk needs; those of 1 MiB more memory. */
const FILE_CHUNK_BYTES = MEBIBYTE / 4;

/** Hash and size of a stream, which is read to its end. */
export async function digest(stream: Readable, signal: AbortSignal): Promise<Digest> {
  const hash = createHash('sha256');
  let size = 0;
  await pipeline(
    stream,
    async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) {
        hash.update(chunk);
        size += chunk.length;
      }
    },
    { signal },
  );
  return { sha256: hash.digest('hex'), size };
}

/** Writes a stream to a file and hashes it. Throws FILE_TOO_LARGE; the file is deleted when anything fails. */
export async function toFile(
  stream: Readable,
  path: string,
  options: { object: ObjectRef; maxBytes: number; signal: AbortSignal },
): Promise<Digest> {
  const hash = createHash('sha256');
  let size = 0;
  try {
    await pipeline(
      stream,
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          size += chunk.length;
          if (size > options.maxBytes) throw tooLarge(options.object, options.maxBytes);
          hash.update(chunk);
          yield chunk;
        }
      },
      createWriteStream(path, { highWaterMark: FILE_CHUNK_BYTES }),
      { signal: options.signal },
    );
  } catch (thrown) {
    await rm(path, { force: true });
    throw thrown;
  }
  return { sha256: hash.digest('hex'), size };
}

/** The bytes of a stream. Throws FILE_TOO_LARGE. */
export function toBytes(stream: Readable, object: ObjectRef, maxBytes: number): Promise<Buffer> {
  return readAtMost(stream, maxBytes, () => tooLarge(object, maxBytes));
}

export function tooLarge(object: ObjectRef, maxBytes: number): SluiceError {
  return new SluiceError('FILE_TOO_LARGE', `${describeObject(object)} is larger than ${maxBytes} bytes.`, {
    details: { ...object, max_bytes: maxBytes },
  });
}

/**
 * Sends a file as one object. Answers its size. A request that is whole on its way is not broken off by `signal`: nobody could say
 * whether the store serves it before or after what comes next, a delete for example.
 */
export async function sendFile(
  client: S3Client,
  target: PutObjectCommandInput,
  path: string,
  signal: AbortSignal,
): Promise<number> {
  const { size } = await stat(path);
  if (size > IN_MEMORY_BYTES) {
    await sendStream(client, target, createReadStream(path, { highWaterMark: FILE_CHUNK_BYTES }), size, signal);
    return size;
  }
  const bytes = await readFile(path);
  signal.throwIfAborted();
  await client.send(new PutObjectCommand({ ...target, Body: bytes }));
  return bytes.length;
}

/** Sends a stream of `size` bytes as one object: in one request, or in parts when it is large. Throws REQUEST_INVALID when it has another length; then nothing is stored. */
export async function sendStream(
  client: S3Client,
  target: PutObjectCommandInput,
  source: Readable,
  size: number,
  signal: AbortSignal,
): Promise<void> {
  // The SDK does not notice that the source of a body failed: it would wait for the rest until the server gives up.
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  const body = meter(target, size);
  body.on('error', ignored);
  source.on('error', ignored);
  const reading = pipeline(source, body, { signal: stop });
  reading.catch((reason: unknown) => failed.abort(reason));
  const breakOff = new AbortController();
  const onStop = () => {
    if (!body.readableEnded) breakOff.abort(stop.reason);
  };
  stop.addEventListener('abort', onStop, { once: true });
  const sending =
    size > MULTIPART_BYTES
      ? sendParts(client, { ...target, Body: body }, size, stop)
      : client.send(new PutObjectCommand({ ...target, Body: body, ContentLength: size }), {
          abortSignal: breakOff.signal,
        });
  try {
    if (stop.aborted) onStop();
    await Promise.all([reading, sending]);
  } catch (thrown) {
    source.destroy();
    body.destroy();
    throw thrown;
  }
}

/** A stream that fails while nobody listens would end the process; its reader learns of the error when it reads. */
export function ignored(): void {}

/** Passes exactly `size` bytes on. The last chunk waits for the end of the source, so that a source of another length never completes the request. */
function meter(target: PutObjectCommandInput, size: number): Transform {
  let seen = 0;
  let last: Buffer | undefined;
  const wrongLength = () =>
    new SluiceError(
      'REQUEST_INVALID',
      `What was sent for ${describeObject({ bucket: target.Bucket ?? '', key: target.Key })} does not have the ${size} bytes that were announced.`,
      { details: { announced: size, seen } },
    );
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      if (seen > size) return done(wrongLength());
      const before = last;
      last = chunk;
      done(null, before);
    },
    flush(done) {
      if (seen === size) done(null, last);
      else done(wrongLength());
    },
  });
}

async function sendParts(
  client: S3Client,
  params: PutObjectCommandInput,
  size: number,
  signal: AbortSignal,
): Promise<void> {
  const upload = new Upload({
    client,
    params,
    partSize: Math.max(PART_BYTES, Math.ceil(size / PARTS_AT_MOST)),
    queueSize: PARTS_AT_ONCE,
  });
  const abort = () => void upload.abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    await upload.done();
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
