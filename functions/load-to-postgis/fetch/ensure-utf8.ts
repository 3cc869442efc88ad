import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { asUtf8, utf16Of } from '#shared/text/utf8.ts';
import type { VectorSource } from './fetch-vector.ts';

/** GDAL reads CSV and GeoJSON as UTF-8 only; a file in another encoding is turned into it first, on disk, a chunk at a time. */

const UTF8 = /^utf-?8$/i;

/** Makes the source UTF-8 when the manifest names another encoding or the file begins with UTF-16's mark. Throws ENCODING_INVALID. */
export async function ensureUtf8(source: VectorSource, signal: AbortSignal): Promise<void> {
  if (source.format.encoding !== 'transcode') return;
  const encoding = source.declared.encoding ?? (await utf16Mark(source.path));
  if (encoding === undefined || UTF8.test(encoding)) return;
  const target = `${source.path}.utf8`;
  await pipeline(
    createReadStream(source.path),
    (chunks: AsyncIterable<Buffer>) => asUtf8(chunks, encoding, source.file),
    createWriteStream(target),
    { signal },
  );
  await rename(target, source.path);
}

async function utf16Mark(path: string): Promise<string | undefined> {
  const handle = await open(path);
  try {
    const { buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return utf16Of(buffer);
  } finally {
    await handle.close();
  }
}
