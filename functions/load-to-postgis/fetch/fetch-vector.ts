import { type VectorFormat, vectorFormat } from '#shared/formats/vector-formats.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';
import { checkSignature, fetchSource, type FetchContext, type Source } from '#shared/landing/fetch-source.ts';
import { rejectReferences } from '../guards/reject-references.ts';
import { checkShapefileCounts } from '../guards/shapefile-counts.ts';

/** A vector file of the manifest after its download. */
export type VectorSource = Source<VectorFormat>;

/**
 * Downloads a vector file (fetchSource). Checks that its first bytes match its format, that its parts belong together
 * and that it refers to no other files. Throws FORMAT_NOT_SUPPORTED, FORMAT_MISMATCH, FILE_FORBIDDEN_CONTENT,
 * FILE_UNREADABLE, and the errors of fetchSource.
 */
export async function fetchVector(declared: ManifestFile, context: FetchContext): Promise<VectorSource> {
  const { folder, env, signal } = context;
  return fetchSource(
    declared,
    vectorFormat(declared.format, declared.path),
    async (source, head) => {
      checkSignature(source.format, head, source.file);
      if (source.format.name === 'ESRI Shapefile') await checkShapefileCounts(source.path, source.file, signal);
      await rejectReferences(source, head, { folder, maxBytes: env.MAX_FILE_BYTES, signal });
    },
    context,
  );
}
