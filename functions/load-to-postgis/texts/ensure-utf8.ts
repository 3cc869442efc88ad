import { rename } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { readFirstBytes } from '#shared/formats/signatures.ts';
import { readFileStream, writeFileStream } from '#shared/streams/file-streams.ts';
import { asUtf8, utf16Of } from '#shared/text/utf8.ts';
import type { VectorSource } from '../vector-source.ts';

const UTF8 = /^utf-?8$/i;
const BYTE_ORDER_MARK_BYTES = 2;

/** Formats whose file is one XML document. */
const XML_FORMATS = new Set(['GML', 'KML', 'GPX']);
const XML_ENCODING = /^(<\?xml[^>]*?encoding\s*=\s*["'])[^"']*/;

/**
 * Converts a text to UTF-8, the only encoding in which GDAL reads GeoJSON, and Sluice reads XML. The source encoding is
 * the one of the manifest for GeoJSON, else UTF-16 when the file starts with its byte order mark. Throws
 * ENCODING_INVALID.
 */
export async function ensureUtf8(source: VectorSource, signal: AbortSignal): Promise<void> {
  const isXml = XML_FORMATS.has(source.format.name);
  if (source.format.encoding !== 'transcode' && !isXml) return;
  const declared = isXml ? undefined : source.declared.encoding;
  const encoding = declared ?? utf16Of(await readFirstBytes(source.path, BYTE_ORDER_MARK_BYTES));
  if (encoding === undefined || UTF8.test(encoding)) return;
  const target = `${source.path}.utf8`;
  await pipeline(
    readFileStream(source.path),
    (chunks: AsyncIterable<Buffer>) => asUtf8(chunks, encoding, source.file),
    (chunks: AsyncIterable<Buffer>) => (isXml ? declaringUtf8(chunks) : chunks),
    writeFileStream(target),
    { signal },
  );
  await rename(target, source.path);
}

/** Changes the encoding in the XML declaration, which is in the first chunk. */
async function* declaringUtf8(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let isFirst = true;
  for await (const chunk of chunks) {
    yield isFirst ? Buffer.from(chunk.toString('utf8').replace(XML_ENCODING, '$1UTF-8')) : chunk;
    isFirst &&= chunk.length === 0;
  }
}
