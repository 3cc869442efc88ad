import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Subdataset } from './raster-info.ts';

/** Variables that say where and when the others are; nobody means them unless by name. */
const COORDINATES = /^(lat|lon|latitude|longitude|time|level|x|y)$|_(bnds|bounds|vertices)$|^(lat|lon|time)_/i;
/** Names that a message tells; details hold all. */
const TOLD = 20;

/**
 * Which image of a file to read: the one that the manifest names, else the only one that is no coordinate. Undefined for a plain raster.
 * Throws LAYER_AMBIGUOUS, LAYER_MISSING.
 */
export function chooseImage(
  images: readonly Subdataset[],
  named: string | undefined,
  file: string,
): Subdataset | undefined {
  const layers = images.map(({ layer }) => layer);
  if (named !== undefined) {
    const chosen = images.find(({ layer }) => layer === named);
    if (chosen !== undefined) return chosen;
    const has = images.length === 0 ? 'it holds one image without a name. Leave `layer` out' : `it has ${told(layers)}`;
    throw new SluiceError('LAYER_MISSING', `${file} has no variable ${JSON.stringify(named)}; ${has}.`, {
      details: { file, layer: named, layers },
    });
  }
  if (images.length <= 1) return images[0];
  const measured = images.filter(({ layer }) => !COORDINATES.test(layer));
  if (measured.length === 1) return measured[0];
  throw new SluiceError(
    'LAYER_AMBIGUOUS',
    `${file} has ${images.length} variables: ${told(layers)}. Name one with \`layer\` in the manifest.`,
    { details: { file, layers } },
  );
}

function told(layers: string[]): string {
  const names = layers.slice(0, TOLD).map((layer) => JSON.stringify(layer));
  return `${names.join(', ')}${layers.length > TOLD ? ` and ${layers.length - TOLD} more` : ''}`;
}
