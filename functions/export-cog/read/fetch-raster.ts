import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type RasterFormat, rasterFormat, rejectReferencingXml } from '#shared/formats/raster-formats.ts';
import { checkSignature, type FetchContext, fetchSource, type Source } from '#shared/landing/fetch-source.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';
import { findHdf5Reference } from './hdf5-references.ts';

/** A raster file of the manifest, downloaded. */
export type RasterSource = Source<RasterFormat>;

/**
 * Downloads a raster, checks its signature, and rejects files that refer to pixels elsewhere. Throws
 * FORMAT_NOT_SUPPORTED, FORMAT_MISMATCH, FILE_FORBIDDEN_CONTENT, and the errors of fetchSource.
 */
export async function fetchRaster(declared: ManifestFile, context: FetchContext): Promise<RasterSource> {
  return fetchSource(
    declared,
    rasterFormat(declared.format, declared.path),
    async ({ path, file, format }, firstBytes) => {
      rejectReferencingXml(firstBytes, file);
      checkSignature(format, firstBytes, file);
      await rejectHdf5Reference(path, file, context.signal);
    },
    context,
  );
}

/**
 * The HDF5 library would read any local file that a netCDF-4 file names, despite the GDAL drivers that are disabled.
 */
async function rejectHdf5Reference(path: string, file: string, signal: AbortSignal): Promise<void> {
  const reference = await findHdf5Reference(path, signal);
  if (reference === undefined) return;
  throw new SluiceError(
    'FILE_FORBIDDEN_CONTENT',
    `${file} refers to values in another file (HDF5 ${reference}). ` +
      'Copy the values into the file; Sluice reads only uploaded files.',
    { details: { file, reference } },
  );
}
