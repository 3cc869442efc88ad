import { vectorFormat } from '#shared/formats/vector-formats.ts';
import { checkSignature, type FetchContext, fetchSource } from '#shared/landing/fetch-source.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';
import { rejectReferences } from '../guards/reject-references.ts';
import type { SqliteSchema } from '../guards/sqlite-schema.ts';
import { checkCoordinates } from '../guards/text-coordinates.ts';
import { checkShapefileCounts } from '../guards/shapefile.ts';
import type { VectorSource } from '../vector-source.ts';

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
      if (!format.isZipArchive) await checkCoordinates(source.path, format, { document: file, file, signal });
    },
    context,
  );
  return { ...fetched, schema };
}
