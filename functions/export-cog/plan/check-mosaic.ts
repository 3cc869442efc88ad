import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { DescribedRaster } from '../read/describe-raster.ts';

/** Checks that rasters can be combined in a mosaic. Throws RASTERS_DIFFER for different bands or pixel types. */
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

/** For example `3 bands (Byte)`. */
function bandsOf({ info: { bands } }: DescribedRaster): string {
  const types = [...new Set(bands.map(({ type }) => type))].join(', ');
  const palette = bands.some((band) => band.colorInterpretation === 'Palette') ? ', palette' : '';
  return `${bands.length} ${bands.length === 1 ? 'band' : 'bands'} (${types}${palette})`;
}
