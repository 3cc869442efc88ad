import { rename } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { readFirstBytes } from '#shared/formats/signatures.ts';
import { type VectorFormat, vectorFormat } from '#shared/formats/vector-formats.ts';
import { checkSignature, type FetchContext, fetchSource, type Source } from '#shared/landing/fetch-source.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';
import { asUtf8, utf16Of } from '#shared/text/utf8.ts';
import { readFileStream, writeFileStream } from '#shared/text/file-streams.ts';
import type { GeoJsonFacts } from '../geojson/geojson-rewriter.ts';
import { rejectReferences } from '../guards/reject-references.ts';
import type { SqliteSchema } from '../guards/sqlite-schema.ts';
import { checkCoordinates } from '../guards/text-coordinates.ts';
import { checkShapefileCounts } from '../guards/shapefile-counts.ts';

/** A vector file of the manifest after its download. A database has a schema, a rewritten GeoJSON its facts. */
export type VectorSource = Source<VectorFormat> & {
  schema?: SqliteSchema | undefined;
  json?: GeoJsonFacts | undefined;
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

/**
 * Converts a GeoJSON file to UTF-8, which is the only encoding that GDAL reads for this format. The source
 * encoding is the one of the manifest, else UTF-16 when the file starts with its byte order mark. Throws
 * ENCODING_INVALID.
 */
export async function ensureUtf8(source: VectorSource, signal: AbortSignal): Promise<void> {
  if (source.format.encoding !== 'transcode') return;
  const encoding = source.declared.encoding ?? utf16Of(await readFirstBytes(source.path, BYTE_ORDER_MARK_BYTES));
  if (encoding === undefined || UTF8.test(encoding)) return;
  const target = `${source.path}.utf8`;
  await pipeline(
    readFileStream(source.path),
    (chunks: AsyncIterable<Buffer>) => asUtf8(chunks, encoding, source.file),
    writeFileStream(target),
    { signal },
  );
  await rename(target, source.path);
}
