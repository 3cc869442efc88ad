import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { isGzip, readFirstBytes } from '#shared/formats/signatures.ts';
import { ignoreError, readFileStream } from '#shared/streams/file-streams.ts';
import { asUtf8 } from '#shared/text/utf8.ts';
import { reasonOf } from '#shared/text/error-reason.ts';

/** Bytes that are read and scanned together. The event loop waits about 2 ms for them. */
const CHUNK_BYTES = 2 ** 18;
const GZIP_SIGNATURE_BYTES = 2;
/** The limit of zip archives, too: text compresses up to about 20:1, repeated bytes 1,000:1. */
const MAX_RATIO = 200;
/** A smaller text is accepted with any ratio, because it cannot exhaust the disk. */
const MIN_BYTES_OF_BOMB = 100 * 2 ** 20;

/** A downloaded text file of the manifest. */
export interface TextFile {
  path: string;
  /** The name in the manifest, for messages. */
  file: string;
  sizeBytes: number;
  encoding: string | undefined;
}

/**
 * Reads a text as UTF-8, and decompresses it when it is gzip. Throws ENCODING_INVALID, FILE_TOO_LARGE,
 * ARCHIVE_UNREADABLE.
 */
export async function* openText(
  text: TextFile,
  limits: { maxBytes: number },
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const isCompressed = isGzip(await readFirstBytes(text.path, GZIP_SIGNATURE_BYTES));
  const bytes = readFileStream(text.path, { highWaterMark: CHUNK_BYTES, signal });
  const plain = isCompressed ? decompress(bytes, text, limits) : (bytes as AsyncIterable<Buffer>);
  yield* asUtf8(plain, text.encoding, text.file);
}

async function* decompress(
  bytes: Readable,
  { file, sizeBytes }: TextFile,
  { maxBytes }: { maxBytes: number },
): AsyncGenerator<Buffer> {
  // The loop below throws the error of the pipeline.
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES }).on('error', ignoreError);
  pipeline(bytes, gunzip, ignoreError);
  let size = 0;
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes)
        throw tooLarge(file, `decompresses to more than ${maxBytes} bytes (MAX_FILE_BYTES)`, maxBytes);
      if (size > MIN_BYTES_OF_BOMB && size > sizeBytes * MAX_RATIO)
        throw tooLarge(file, `decompresses to more than ${MAX_RATIO} times its size`, sizeBytes * MAX_RATIO);
      yield chunk;
    }
  } catch (thrown) {
    if (!(thrown instanceof Error) || !/^Z_/.test((thrown as NodeJS.ErrnoException).code ?? '')) throw thrown;
    throw new SluiceError('ARCHIVE_UNREADABLE', `${file} is damaged: ${reasonOf(thrown)}. Compress it again.`, {
      cause: thrown,
      details: { file },
    });
  }
}

function tooLarge(file: string, problem: string, limit: number): SluiceError {
  return new SluiceError('FILE_TOO_LARGE', `${file} ${problem}.`, { details: { file, limit } });
}
