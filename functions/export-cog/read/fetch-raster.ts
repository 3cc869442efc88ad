import { SluiceError } from '#shared/errors/sluice-error.ts';
import { findHdf5Reference } from './hdf5-references.ts';
import { type RasterFormat, rasterFormat, rejectReferencingXml } from '#shared/formats/raster-formats.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';
import { checkSignature, fetchSource, type FetchContext, type Source } from '#shared/landing/fetch-source.ts';

/** A raster of the manifest as it lies on this machine. */
export type RasterSource = Source<RasterFormat>;

/**
 * Downloads a raster (fetchSource) and checks that it begins as its format does and takes nothing from elsewhere.
 * Throws FORMAT_NOT_SUPPORTED, FORMAT_MISMATCH, FILE_FORBIDDEN_CONTENT, and what fetchSource does.
 */
export async function fetchRaster(declared: ManifestFile, surroundings: FetchContext): Promise<RasterSource> {
  return fetchSource(
    declared,
    rasterFormat(declared.format, declared.path),
    async ({ path, file, format }, head) => {
      rejectReferencingXml(head, file);
      checkSignature(format, head, file);
      await refuseValuesElsewhere(path, file, surroundings.signal);
    },
    surroundings,
  );
}

/** A netCDF-4 file can name any file of this machine as the place of its values; the library would read it. */
async function refuseValuesElsewhere(path: string, file: string, signal: AbortSignal): Promise<void> {
  const reference = await findHdf5Reference(path, signal);
  if (reference === undefined) return;
  throw new SluiceError(
    'FILE_FORBIDDEN_CONTENT',
    `${file} takes its values from another file (HDF5 ${reference}). Copy them into the file; Sluice reads only what was uploaded.`,
    { details: { file, reference } },
  );
}
