import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { DescribedRaster } from '../read/describe-raster.ts';

/** Checks that rasters can be put side by side. Throws RASTERS_DIFFER. */
export function checkMosaic(rasters: readonly DescribedRaster[]): void {
  const [first, ...others] = rasters;
  if (first === undefined) return;
  for (const other of others) {
    const [a, b] = [kindOf(first), kindOf(other)];
    if (a === b) continue;
    throw new SluiceError(
      'RASTERS_DIFFER',
      `${other.source.file} has ${b}, but ${first.source.file} has ${a}. A mosaic is made of rasters of one kind.`,
      { details: { file: other.source.file, bands: b, expected: a } },
    );
  }
}

/** `3 bands (Byte)`. */
function kindOf({ info: { bands } }: DescribedRaster): string {
  const isPalette = bands.some((band) => band.colorInterpretation === 'Palette');
  return `${bands.length} ${bands.length === 1 ? 'band' : 'bands'} (${[...new Set(bands.map(({ type }) => type))].join(', ')}${isPalette ? ', palette' : ''})`;
}
