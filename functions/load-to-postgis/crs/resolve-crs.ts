import { SluiceError } from '#shared/errors/sluice-error.ts';
import { CRS84, lookUpCrs } from '#shared/gdal/crs/crs.ts';
import type { Gdal } from '#shared/gdal/gdal.ts';
import type { Layer } from '#shared/gdal/layers.ts';
import { parseEmbeddedCrs, type ChosenCrs, chooseCrs } from '#shared/gdal/crs/choose-crs.ts';
import type { Crs } from '#shared/gdal/crs/wkt.ts';
import type { VectorSource } from '../fetch/fetch-vector.ts';
import { geojsonCrs } from './geojson-crs.ts';

/** GeoPackage's way to say that there is none: srs_id -1 and 0. */
const UNDEFINED_NAMES = /^Undefined (Cartesian|geographic) SRS/i;

/**
 * The CRS of a layer: that of the manifest, else that of the file; never a guess. A declared one that differs from the file's is noted.
 * Throws CRS_MISSING, CRS_UNREADABLE, FILE_FORBIDDEN_CONTENT.
 */
export function resolveCrs(
  source: VectorSource,
  layer: Layer,
  { gdal, signal }: { gdal: Gdal; signal: AbortSignal },
): Promise<ChosenCrs> {
  const hint = source.format.name === 'ESRI Shapefile' ? 'Upload the .prj file, or set' : 'Set';
  return chooseCrs(
    { file: source.file, declared: source.declared.crs, hint },
    () => crsOfFile(source, layer, { gdal, signal }),
    { gdal, signal },
  );
}

async function crsOfFile(
  source: VectorSource,
  layer: Layer,
  { gdal, signal }: { gdal: Gdal; signal: AbortSignal },
): Promise<Crs | undefined> {
  const { format, file } = source;
  if (format.drivers.includes('GeoJSON')) {
    const member = await geojsonCrs(source.path, file, signal);
    if (member.says === 'none') return undefined;
    return member.says === 'crs' ? lookUpCrs(gdal, member.text, signal) : CRS84;
  }
  if (format.fixedCrs !== undefined) return CRS84;
  if (layer.wkt !== undefined) {
    const crs = parseEmbeddedCrs(layer.wkt, file);
    return UNDEFINED_NAMES.test(crs.name) ? undefined : crs;
  }
  if (!source.parts.includes('.prj')) return undefined;
  throw new SluiceError(
    'CRS_UNREADABLE',
    `The .prj file of ${file} cannot be read. Correct it, or set \`crs\` for the file in the manifest.`,
    { details: { file } },
  );
}
