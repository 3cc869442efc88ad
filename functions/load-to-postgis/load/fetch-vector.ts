import { rename } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { readFirstBytes } from '#shared/formats/signatures.ts';
import { type VectorFormat, vectorFormat } from '#shared/formats/vector-formats.ts';
import { checkSignature, type FetchContext, fetchSource, type Source } from '#shared/landing/fetch-source.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';
import { asUtf8, utf16Of } from '#shared/text/utf8.ts';
import { readFileStream, writeFileStream } from '#shared/text/file-streams.ts';
import type { GeoJsonFacts } from '../geojson/geojson-facts.ts';
import { rejectReferences } from '../guards/reject-references.ts';
import type { SqliteSchema } from '../guards/sqlite-schema.ts';
import { checkCoordinates } from '../guards/text-coordinates.ts';
import { checkShapefileCounts } from '../guards/shapefile-counts.ts';

/** A vector file of the manifest after its download. */
export type VectorSource = Source<VectorFormat> & {
  /** Of a database. */
  schema?: SqliteSchema | undefined;
  /** Of a rewritten GeoJSON. */
  json?: GeoJsonFacts | undefined;
  /** The guard beside values of a rewritten KML or GPX document (texts/declare-texts.ts). */
  guard?: string | undefined;
  /** Whether lines of a GPX document get the elevations of their points as Z. */
  hasElevations?: boolean;
};

/**
 * Downloads a vector file (fetchSource). Checks that its first bytes match its format, that its parts belong together
 * and that it refers to no other files. Throws FORMAT_NOT_SUPPORTED, FORMAT_MISMATCH, FILE_FORBIDDEN_CONTENT,
 * FILE_UNREADABLE, and the errors of fetchSource.
 */
export async function fetchVector(declared: ManifestFile, context: FetchContext): Promise<VectorSource> {
  const { folder, env, signal } = context;
  let schema: SqliteSchema | undefined;
  const fetched = await fetchSource(
    declared,
    vectorFormat(declared.format, declared.path),
    async (source, head) => {
      const encoding = source.format.encoding === 'transcode' ? declared.encoding : undefined;
      checkSignature(source.format, head, source.file, encoding);
      if (source.format.name === 'ESRI Shapefile') await checkShapefileCounts(source.path, source.file, signal);
      schema = await rejectReferences(source, head, { folder, maxBytes: env.MAX_FILE_BYTES, signal });
      const { file, format } = source;
      if (!format.isArchive) await checkCoordinates(source.path, format, { document: file, file, signal });
    },
    context,
  );
  return { ...fetched, schema };
}

const UTF8 = /^utf-?8$/i;
const BYTE_ORDER_MARK_BYTES = 2;

/** Of the formats that consist of one XML document. */
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
