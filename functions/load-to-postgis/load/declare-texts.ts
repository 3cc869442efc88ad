import { stemOf } from '#shared/landing/source-parts.ts';
import { markGpxTexts } from '../gpx/mark-extensions.ts';
import type { VectorSource } from '../vector-source.ts';
import { declareCharset } from '../mapinfo/mapinfo-charset.ts';
import { declareMifTexts, declareTabTexts } from '../mapinfo/mapinfo-texts.ts';
import { declareKmlTexts } from '../texts/kml-texts.ts';
import type { DeclaredTexts } from '../texts/text-facts.ts';
import { valueMarkerOf } from '../texts/value-markers.ts';

/** Changes the local copy of a file, so that GDAL reads its numbers as text, and its texts as they are. */
export async function declareTexts(
  { format, path, sha256, file, declared }: VectorSource,
  signal: AbortSignal,
): Promise<DeclaredTexts> {
  if (format.encoding === 'charset' && declared.encoding !== undefined)
    await declareCharset({ path, file }, declared.encoding, signal);
  switch (format.name) {
    case 'KML':
      return declareKmlTexts({ path, file }, valueMarkerOf(sha256), signal);
    case 'GPX':
      return markGpxTexts(path, valueMarkerOf(sha256), signal);
    case 'MIF':
      return { declared: await declareMifTexts(path, signal) };
    case 'MapInfo File':
      return { declared: await declareTabTexts(path, `${stemOf(path)}.dat`) };
    default:
      return {};
  }
}
