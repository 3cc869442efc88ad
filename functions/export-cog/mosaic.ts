import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { DescribedRaster } from './describe-raster.ts';
import { extentOf, isUpright, rawBytes } from './pixel-grid.ts';

/**
 * Checks that rasters can be put side by side. Throws RASTERS_DIFFER, and FILE_TOO_LARGE for small files that lie so far apart that
 * the area between them is too large.
 */
export function checkMosaic(rasters: readonly DescribedRaster[], maxBytes: number): void {
  const [first, ...others] = rasters;
  if (first === undefined) return;
  for (const other of others) {
    const [a, b] = [kindOf(first), kindOf(other)];
    if (a === b) continue;
    throw new SluiceError('RASTERS_DIFFER', `${other.source.file} has ${b}, but ${first.source.file} has ${a}. A mosaic is made of rasters of one kind.`, { details: { file: other.source.file, bands: b, expected: a } });
  }
  const bytes = bytesOfUnion(rasters);
  if (bytes <= maxBytes) return;
  throw new SluiceError('FILE_TOO_LARGE', `The ${rasters.length} files lie so far apart that their mosaic would have ${bytes} bytes; this installation converts ${maxBytes} (MAX_FILE_BYTES).`, {
    details: { bytes, limit: maxBytes, variable: 'MAX_FILE_BYTES' },
  });
}

/** Bytes of the area that holds all rasters, in the smallest of their pixels; 0 when they are in several CRSs, where gdalwarp's own limits hold. */
function bytesOfUnion(rasters: readonly DescribedRaster[]): number {
  const [first] = rasters;
  const extents = rasters.map(({ info }) => (isUpright(info) ? extentOf(info) : undefined)).filter((extent) => extent !== undefined);
  if (first === undefined || extents.length < rasters.length || rasters.some(({ crs }) => crs.wkt !== first.crs.wkt)) return 0;
  const sides = [0, 1].map((axis) => Math.max(...extents.map((extent) => extent[axis + 2] ?? 0)) - Math.min(...extents.map((extent) => extent[axis] ?? 0)));
  const pixels = [1, 5].map((item) => Math.min(...rasters.map(({ info }) => Math.abs(info.geoTransform?.[item] ?? Infinity))));
  return rawBytes({ size: [Math.round((sides[0] ?? 0) / (pixels[0] ?? 1)), Math.round((sides[1] ?? 0) / (pixels[1] ?? 1))], bands: first.info.bands });
}

/** `3 bands (Byte)`. */
function kindOf({ info: { bands } }: DescribedRaster): string {
  const isPalette = bands.some((band) => band.colorInterpretation === 'Palette');
  return `${bands.length} ${bands.length === 1 ? 'band' : 'bands'} (${[...new Set(bands.map(({ type }) => type))].join(', ')}${isPalette ? ', palette' : ''})`;
}
