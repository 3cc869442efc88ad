import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { DescribedRaster } from '../read/describe-raster.ts';
import type { BandInfo } from '../read/raster-info.ts';

/**
 * Checks that rasters can be combined in a mosaic. Throws RASTERS_DIFFER for different bands, pixel types, scales,
 * offsets or units: gdalwarp copies the stored values, and the asset has the scales of the first raster.
 */
export function checkMosaic(rasters: readonly DescribedRaster[]): void {
  const [first, ...others] = rasters;
  if (first === undefined) return;
  const expected = bandsOf(first);
  for (const other of others) {
    const bands = bandsOf(other);
    if (bands === expected) continue;
    throw new SluiceError(
      'RASTERS_DIFFER',
      `${other.source.file} has ${bands}, but ${first.source.file} has ${expected}. ` +
        'All rasters of a mosaic must have the same bands.',
      { details: { file: other.source.file, bands, expected } },
    );
  }
}

/** For example `3 bands (Byte)`, or `1 band (Int16, value * 0.1 + 273.15 K)`. */
function bandsOf({ info: { bands } }: DescribedRaster): string {
  const types = [...new Set(bands.map(({ type }) => type))].join(', ');
  const palette = bands.some((band) => band.colorInterpretation === 'Palette') ? ', palette' : '';
  const measures = bands.map(measureOf);
  const distinct = new Set(measures).size === 1 ? measures.slice(0, 1) : measures;
  const units = distinct.every((measure) => measure === '') ? '' : `, ${distinct.join(', ')}`;
  return `${bands.length} ${bands.length === 1 ? 'band' : 'bands'} (${types}${palette}${units})`;
}

function measureOf({ scale = 1, offset = 0, unit = '' }: BandInfo): string {
  const measure = scale === 1 && offset === 0 ? '' : `value * ${scale} + ${offset}`;
  return `${measure} ${unit}`.trim();
}
