import { createHash } from 'node:crypto';
import { readFile, rm, stat } from 'node:fs/promises';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  AbortMultipartUploadCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { JoinedSignal } from '#shared/signals/joined-signal.ts';
import { readAtMost } from '#shared/streams/read-at-most.ts';
import { ignoreError, readFileStream, writeFileStream } from '#shared/streams/file-streams.ts';
import { objectName, type ObjectRef } from './s3-errors.ts';

/** Size and hash of transferred bytes. */
export interface Digest {
  sha256: string;
  size: number;
}

const MEBIBYTE = 2 ** 20;
/** A file up to this size is uploaded from memory in one request, which the SDK can retry. */
const IN_MEMORY_BYTES = 8 * MEBIBYTE;
/**
 * A larger file is uploaded in parts, so that the SDK retries one part and not the whole file. Below this size, joining
 * the parts costs more time.
 */
export const MULTIPART_BYTES = 256 * MEBIBYTE;
/** Smallest part. Larger parts need more memory without being faster. */
const PART_BYTES = 8 * MEBIBYTE;
/** Limit of S3. Files above 78 GiB have larger parts. */
const MAX_PARTS = 10_000;
/** Concurrent parts. Each is held in memory. */
const CONCURRENT_PARTS = 2;
/** Chunk size of file streams: Node's default of 64 KiB needs more system calls, and 1 MiB needs more memory. */
const FILE_CHUNK_BYTES = MEBIBYTE / 4;

/** Reads a stream to its end and returns its hash and size. */
export async function hashStream(stream: Readable, signal: AbortSignal): Promise<Digest> {
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

/** Writes a stream to a file and hashes it. Throws FILE_TOO_LARGE. The file is deleted after any error. */
export async function writeToFile(
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
      writeFileStream(path, { highWaterMark: FILE_CHUNK_BYTES }),
      { signal: options.signal },
    );
  } catch (thrown) {
    await rm(path, { force: true });
    throw thrown;
  }
  return { sha256: hash.digest('hex'), size };
}

/** Reads a stream into memory. Throws FILE_TOO_LARGE. */
export function readToBuffer(stream: Readable, object: ObjectRef, maxBytes: number): Promise<Buffer> {
  return readAtMost(stream, maxBytes, () => tooLarge(object, maxBytes));
}

export function tooLarge(object: ObjectRef, maxBytes: number): SluiceError {
  return new SluiceError('FILE_TOO_LARGE', `${objectName(object)} is larger than ${maxBytes} bytes.`, {
    details: { ...object, max_bytes: maxBytes },
  });
}

interface UploadLimits {
  /** A larger upload is sent in parts. */
  multipartBytes: number;
  signal: AbortSignal;
}

/**
 * Uploads a file as one object and returns its size. `signal` does not abort a request whose body was sent completely:
 * the store could still execute it later, after a delete that the caller makes next.
 */
export async function uploadFile(
  client: S3Client,
  target: PutObjectCommandInput,
  path: string,
  limits: UploadLimits,
): Promise<number> {
  const { size } = await stat(path);
  if (size > IN_MEMORY_BYTES) {
    const source = readFileStream(path, { highWaterMark: FILE_CHUNK_BYTES });
    await uploadStream(client, target, source, { size, ...limits });
    return size;
  }
  const bytes = await readFile(path);
  limits.signal.throwIfAborted();
  await client.send(new PutObjectCommand({ ...target, Body: bytes }));
  return bytes.length;
}

/**
 * Uploads a stream of `size` bytes as one object, in one request or in parts. Throws REQUEST_INVALID if the stream has
 * another length; then no object is stored. Parts are uploaded by @aws-sdk/lib-storage. Smaller streams use PutObject,
 * because lib-storage would split every stream of more than one part.
 */
export async function uploadStream(
  client: S3Client,
  target: PutObjectCommandInput,
  source: Readable,
  { size, multipartBytes, signal }: UploadLimits & { size: number },
): Promise<void> {
  // The SDK does not detect an error of the source: it would wait for the rest of the body until the server times out.
  const failed = new AbortController();
  using joined = new JoinedSignal([signal, failed.signal]);
  const stop = joined.signal;
  const body = exactLength(target, size);
  source.on('error', ignoreError);
  const reading = pipeline(source, body, { signal: stop });
  reading.catch((reason: unknown) => failed.abort(reason));
  const abortRequest = new AbortController();
  const onStop = () => {
    if (!body.readableEnded) abortRequest.abort(stop.reason);
  };
  stop.addEventListener('abort', onStop, { once: true });
  const sending =
    size > multipartBytes
      ? uploadParts(client, { ...target, Body: body }, size)
      : untilReadable(body).then(() =>
          client.send(new PutObjectCommand({ ...target, Body: body, ContentLength: size }), {
            abortSignal: abortRequest.signal,
          }),
        );
  if (stop.aborted) onStop();
  // Each side ends when the other one has failed, so that an upload has ended when its error is thrown.
  sending.catch(() => void body.destroy());
  const [read, sent] = await Promise.allSettled([reading, sending]);
  if (read.status === 'fulfilled' && sent.status === 'fulfilled') return;
  source.destroy();
  throw causeOf(read, sent);
}

/**
 * Resolves when a stream has data, or has ended or failed. Node.js sends the head of a request with the first bytes of
 * its body. A server may close a connection on which it has not received the head for a few seconds.
 */
async function untilReadable(stream: Readable): Promise<void> {
  await new Promise<void>((resolve) => {
    stream.once('readable', resolve).once('close', resolve);
  });
}

/**
 * The error that ended an upload: a response of the store, else the error of the source, unless the source was closed
 * because the request had failed.
 */
function causeOf(read: PromiseSettledResult<unknown>, sent: PromiseSettledResult<unknown>): unknown {
  const ofSource: unknown = read.status === 'rejected' ? read.reason : undefined;
  const ofStore: unknown = sent.status === 'rejected' ? sent.reason : undefined;
  const status = (ofStore as { $metadata?: { httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode;
  const isConsequence = (ofSource as { code?: string } | undefined)?.code === 'ERR_STREAM_PREMATURE_CLOSE';
  if (status === undefined && ofSource !== undefined && !isConsequence) return ofSource;
  return ofStore ?? ofSource;
}

/**
 * A transform that fails unless it gets exactly `size` bytes. It holds back the last chunk until the source ends, so
 * that no request with a source of another length completes.
 */
function exactLength(target: PutObjectCommandInput, size: number): Transform {
  let seen = 0;
  let last: Buffer | undefined;
  const name = objectName({ bucket: target.Bucket ?? '', key: target.Key });
  const wrongLength = () =>
    new SluiceError('REQUEST_INVALID', `The content of ${name} does not have the declared length of ${size} bytes.`, {
      details: { declared: size, received: seen },
    });
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      if (seen > size) return done(wrongLength());
      const previous = last;
      last = chunk;
      done(null, previous);
    },
    flush(done) {
      if (seen === size) done(null, last);
      else done(wrongLength());
    },
  }).on('error', ignoreError);
}

/**
 * Uploads parts until `params.Body` ends. If the body or a part fails, the upload is aborted before the error is
 * thrown, so that the store deletes the parts. The parts in progress have ended by then.
 */
async function uploadParts(client: S3Client, params: PutObjectCommandInput, size: number): Promise<void> {
  const upload = new Upload({
    client,
    params,
    partSize: Math.max(PART_BYTES, Math.ceil(size / MAX_PARTS)),
    queueSize: CONCURRENT_PARTS,
    // lib-storage would throw the error of a failed abort instead of its cause.
    leavePartsOnError: true,
  });
  try {
    await upload.done();
  } catch (thrown) {
    const { Bucket, Key } = params;
    const { uploadId: UploadId } = upload;
    if (UploadId !== undefined)
      await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })).catch(ignoreError);
    throw thrown;
  }
}
