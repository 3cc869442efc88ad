import { createReadStream, createWriteStream, type ReadStream, type WriteStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';

/**
 * File streams that have a listener for `error` events when they are created. An `error` event without a listener ends
 * the process. A stream emits it whenever its signal is aborted or its file cannot be opened, even before a reader is
 * attached. ESLint forbids the functions of node:fs elsewhere.
 */

/**
 * Listener for `error` events of streams, processes and servers whose user gets the same error in another way: the
 * iterator or the pipeline of a stream rejects with it.
 */
export function ignoreError(): void {}

const CHUNK_BYTES = 2 ** 20;

export interface ReadOptions {
  /** Size of a chunk in bytes. */
  highWaterMark?: number;
  /** First and last byte to read. */
  start?: number;
  end?: number;
  /** Signal whose abort ends the stream with an error. */
  signal?: AbortSignal;
}

/** Opens a file to read. Errors are thrown by the iterator or the pipeline that reads the stream. */
export function readFileStream(path: string, options: ReadOptions = {}): ReadStream {
  return createReadStream(path, options).on('error', ignoreError);
}

/** The chunks of a file, of 1 MiB by default. */
export function readChunks(path: string, options: ReadOptions = {}): AsyncIterable<Buffer> {
  return readFileStream(path, { highWaterMark: CHUNK_BYTES, ...options }) as AsyncIterable<Buffer>;
}

/** The `count` bytes at a position of an open file; fewer at its end. */
export async function readBytesAt(file: FileHandle, position: number, count: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(count), 0, count, position);
  return buffer.subarray(0, bytesRead);
}

/** Opens a file to write. Errors are thrown by the pipeline that writes to the stream. */
export function writeFileStream(path: string, options: { highWaterMark?: number } = {}): WriteStream {
  return createWriteStream(path, options).on('error', ignoreError);
}
