import { stemOf } from '#shared/landing/source-parts.ts';
import { guardGpxTexts } from '../gpx/guard-extensions.ts';
import { declareKmlTexts } from '../kml/declared-types.ts';
import type { VectorSource } from '../load/fetch-vector.ts';
import { declareMifTexts, declareTabTexts } from '../mapinfo/declared-types.ts';
import { guardOf } from './guard.ts';
import type { DeclaredTexts } from './text-facts.ts';

/** Changes the local copy of a file, so that GDAL reads its numbers as text, and its texts as they are. */
export async function declareTexts(
  { format, path, sha256 }: VectorSource,
  signal: AbortSignal,
): Promise<DeclaredTexts> {
  switch (format.name) {
    case 'KML':
      return declareKmlTexts(path, guardOf(sha256), signal);
    case 'GPX':
      return guardGpxTexts(path, guardOf(sha256), signal);
    case 'MIF':
      return { declared: await declareMifTexts(path, signal) };
    case 'MapInfo File':
      return { declared: await declareTabTexts(path, `${stemOf(path)}.dat`) };
    default:
      return {};
  }
}
