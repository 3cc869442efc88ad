import { createReadStream, createWriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { readFirstBytes } from '#shared/formats/first-bytes.ts';
import { asUtf8, utf16Of } from '#shared/text/utf8.ts';
import type { VectorSource } from './fetch-vector.ts';

const UTF8 = /^utf-?8$/i;
const BYTE_ORDER_MARK_BYTES = 2;

/**
 * Converts a CSV or GeoJSON file to UTF-8, which is the only encoding that GDAL reads for these formats. The source
 * encoding is the one of the manifest, else UTF-16 when the file starts with its byte order mark. Throws
 * ENCODING_INVALID.
 */
export async function ensureUtf8(source: VectorSource, signal: AbortSignal): Promise<void> {
  if (source.format.encoding !== 'transcode') return;
  const encoding = source.declared.encoding ?? utf16Of(await readFirstBytes(source.path, BYTE_ORDER_MARK_BYTES));
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
