import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { isGzip } from '#shared/formats/table-formats.ts';
import { asUtf8 } from '#shared/text/utf8.ts';
import { reasonOf } from '#shared/text/reason.ts';

/** What is read, and scanned, at once: the event loop waits about 2 ms for it. */
const CHUNK_BYTES = 2 ** 18;
/** As for zip archives: text deflates up to about 20:1, runs of equal bytes 1,000:1. */
const MAX_RATIO = 200;
/** Below this, the ratio says nothing and does no harm. */
const RATIO_MATTERS_BYTES = 100 * 2 ** 20;

/** A text file of the manifest, fetched. */
export interface TextFile {
  path: string;
  /** As the manifest names it. */
  file: string;
  sizeBytes: number;
  encoding: string | undefined;
}

/** The text as UTF-8, unpacked when it is compressed with gzip. Throws ENCODING_INVALID, FILE_TOO_LARGE, ARCHIVE_UNREADABLE. */
export async function* openText(
  text: TextFile,
  limits: { maxBytes: number },
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const bytes = createReadStream(text.path, { highWaterMark: CHUNK_BYTES, signal });
  const plain = (await beginsAsGzip(text.path)) ? unpacked(bytes, text, limits) : (bytes as AsyncIterable<Buffer>);
  yield* asUtf8(plain, text.encoding, text.file);
}

async function beginsAsGzip(path: string): Promise<boolean> {
  const handle = await open(path);
  try {
    const { buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return isGzip(buffer);
  } finally {
    await handle.close();
  }
}

async function* unpacked(
  bytes: Readable,
  { file, sizeBytes }: TextFile,
  { maxBytes }: { maxBytes: number },
): AsyncGenerator<Buffer> {
  const gunzip = pipeline(bytes, createGunzip({ chunkSize: CHUNK_BYTES }), () => undefined); // The reader below hears of errors.
  let size = 0;
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) throw tooLarge(file, `unpacks to more than ${maxBytes} bytes (MAX_FILE_BYTES)`, maxBytes);
      if (size > RATIO_MATTERS_BYTES && size > sizeBytes * MAX_RATIO)
        throw tooLarge(file, `unpacks to more than ${MAX_RATIO} times its size`, sizeBytes * MAX_RATIO);
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

function tooLarge(file: string, what: string, limit: number): SluiceError {
  return new SluiceError('FILE_TOO_LARGE', `${file} ${what}.`, { details: { file, limit } });
}
