import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type RasterFormat, rasterFormat, rejectReferencingXml } from '#shared/formats/raster-formats.ts';
import { checkSignature, type FetchContext, fetchSource, type Source } from '#shared/landing/fetch-source.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';
import { listNames } from '#shared/text/list-names.ts';
import { allowAttachedFiles } from './attached-files.ts';
import { findHdf5Reference, MAX_HEAPS } from './hdf5-references.ts';
import type { Subdataset } from './raster-info.ts';

/** A raster file of the manifest, downloaded. */
export type RasterSource = Source<RasterFormat>;

/**
 * Downloads a raster, checks its signature, and rejects files that refer to pixels elsewhere. Throws
 * FORMAT_NOT_SUPPORTED, FORMAT_MISMATCH, FILE_FORBIDDEN_CONTENT, and the errors of fetchSource.
 */
export async function fetchRaster(declared: ManifestFile, context: FetchContext): Promise<RasterSource> {
  const source = await fetchSource(
    declared,
    rasterFormat(declared.format, declared.path),
    async ({ path, file, format }, firstBytes) => {
      rejectReferencingXml(firstBytes, file);
      checkSignature(format, firstBytes, file);
      await rejectHdf5Reference(path, file, context.signal);
    },
    context,
  );
  return allowAttachedFiles(source);
}

/**
 * The HDF5 library would read any local file that a netCDF-4 file names, despite the GDAL drivers that are disabled.
 */
async function rejectHdf5Reference(path: string, file: string, signal: AbortSignal): Promise<void> {
  const reference = await findHdf5Reference(path, signal);
  if (reference === undefined) return;
  if (reference === 'too many heaps')
    throw new SluiceError(
      'FILE_TOO_LARGE',
      `${file} has more than ${MAX_HEAPS} HDF5 heaps, which is the limit. Convert it to GeoTIFF.`,
      { details: { file, limit: MAX_HEAPS } },
    );
  throw new SluiceError(
    'FILE_FORBIDDEN_CONTENT',
    `${file} refers to values in another file (HDF5 ${reference}). ` +
      'Copy the values into the file; Sluice reads only uploaded files.',
    { details: { file, reference } },
  );
}

/** Names of coordinate variables. They describe the grid of other variables, and are chosen only by name. */
const COORDINATES = /^(lat|lon|latitude|longitude|time|level|x|y)$|_(bnds|bounds|vertices)$|^(lat|lon|time)_/i;
/** Layers that an error message lists; its details contain all of them. */
const LISTED_LAYERS = 20;

/**
 * Chooses the image of a file: the layer that the manifest names, else the only one that is not a coordinate variable.
 * Returns undefined for a file without named images. Throws LAYER_AMBIGUOUS, LAYER_MISSING.
 */
export function chooseImage(
  images: readonly Subdataset[],
  declaredLayer: string | undefined,
  file: string,
): Subdataset | undefined {
  const layers = images.map(({ layer }) => layer);
  if (declaredLayer !== undefined) {
    const image = images.find(({ layer }) => layer === declaredLayer);
    if (image !== undefined) return image;
    throw layerMissing(declaredLayer, images, file);
  }
  if (images.length <= 1) return images[0];
  const data = images.filter(({ layer }) => !COORDINATES.test(layer));
  if (data.length === 1) return data[0];
  throw new SluiceError(
    'LAYER_AMBIGUOUS',
    `${file} has ${images.length} ${kindOf(images)}s: ${quotedNames(layers)}. Name one with \`layer\` in the manifest.`,
    { details: { file, layers } },
  );
}

function layerMissing(layer: string, images: readonly Subdataset[], file: string): SluiceError {
  const layers = images.map((image) => image.layer);
  const existing =
    layers.length === 0 ? 'it contains one image without a name. Remove `layer`' : `it has ${quotedNames(layers)}`;
  return new SluiceError('LAYER_MISSING', `${file} has no ${kindOf(images)} ${JSON.stringify(layer)}; ${existing}.`, {
    details: { file, layer, layers },
  });
}

function kindOf(images: readonly Subdataset[]): string {
  return images[0]?.kind ?? 'variable or page';
}

function quotedNames(layers: string[]): string {
  return listNames(
    layers.map((layer) => JSON.stringify(layer)),
    LISTED_LAYERS,
  );
}
