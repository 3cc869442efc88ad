import { type VectorFormat, vectorFormat } from '#shared/formats/vector-formats.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';
import { checkSignature, fetchSource, type FetchContext, type Source } from '#shared/landing/fetch-source.ts';
import { refuseReferences } from '../guards/reject-references.ts';
import { checkShapefileCounts } from '../guards/shapefile-counts.ts';

/** A vector file of the manifest as it lies on this machine. */
export type VectorSource = Source<VectorFormat>;

/**
 * Downloads a vector file (fetchSource) and checks that it begins as its format does, that its parts belong together, and that it refers to
 * nothing else. Throws FORMAT_NOT_SUPPORTED, FORMAT_MISMATCH, FILE_FORBIDDEN_CONTENT, FILE_UNREADABLE, and what fetchSource does.
 */
export async function fetchVector(declared: ManifestFile, surroundings: FetchContext): Promise<VectorSource> {
  const { folder, env, signal } = surroundings;
  return fetchSource(
    declared,
    vectorFormat(declared.format, declared.path),
    async (source, head) => {
      checkSignature(source.format, head, source.file);
      if (source.format.name === 'ESRI Shapefile') await checkShapefileCounts(source.path, source.file, signal);
      await refuseReferences(source, head, { folder, maxBytes: env.MAX_FILE_BYTES, signal });
    },
    surroundings,
  );
}
