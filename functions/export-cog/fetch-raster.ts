import { type RasterFormat, rasterFormat, refuseDescription } from '#shared/gdal/raster-formats.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';
import { checkBeginning, fetchSource, type FetchSurroundings, type Source } from '#shared/sources/fetch-source.ts';

/** A raster of the manifest as it lies on this machine. */
export type RasterSource = Source<RasterFormat>;

/**
 * Downloads a raster (fetchSource) and checks that it begins as its format does and describes nothing elsewhere.
 * Throws FORMAT_NOT_SUPPORTED, FORMAT_MISMATCH, FILE_FORBIDDEN_CONTENT, and what fetchSource does.
 */
export async function fetchRaster(declared: ManifestFile, surroundings: FetchSurroundings): Promise<RasterSource> {
  return fetchSource(declared, rasterFormat(declared.format, declared.path), ({ file, format }, head) => {
    refuseDescription(head, file);
    checkBeginning(format, head, file);
  }, surroundings);
}
