import { stemOf } from '#shared/landing/source-parts.ts';
import { declareKmlTexts } from '../kml/declared-types.ts';
import type { VectorSource } from '../load/fetch-vector.ts';
import { declareMifTexts, declareTabTexts } from '../mapinfo/declared-types.ts';

/**
 * Changes the declarations in the local copy of a file, so that GDAL reads its numbers as text. Returns the declared
 * types; undefined when nothing was changed.
 */
export async function declareTexts({ format, path }: VectorSource, signal: AbortSignal) {
  switch (format.name) {
    case 'KML':
      return declareKmlTexts(path, signal);
    case 'MIF':
      return declareMifTexts(path, signal);
    case 'MapInfo File':
      return declareTabTexts(path, `${stemOf(path)}.dat`);
    default:
      return undefined;
  }
}
