import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type Crs, CRS84 } from '#shared/gdal/crs/crs.ts';
import type { Layer } from '#shared/gdal/layers.ts';
import { parseEmbeddedCrs, type ChosenCrs, chooseCrs } from '#shared/gdal/crs/choose-crs.ts';
import { lookUpCrs } from '#shared/gdal/crs/look-up-crs.ts';
import type { VectorSource } from '../fetch/fetch-vector.ts';
import { readGeojsonCrs } from './geojson-crs.ts';
import type { LoadContext } from '../gdal/run-gdal.ts';

/** Names of GeoPackage's srs_id -1 and 0, which mean that the CRS is undefined. */
const UNDEFINED_NAMES = /^Undefined (Cartesian|geographic) SRS/i;

/**
 * The CRS of a layer: the one of the manifest, else the one of the file. It is never guessed. A note is added when the
 * two differ. Throws CRS_MISSING, CRS_UNREADABLE, FILE_FORBIDDEN_CONTENT.
 */
export function resolveCrs(
  source: VectorSource,
  layer: Layer,
  { gdal, signal }: Pick<LoadContext, 'gdal' | 'signal'>,
): Promise<ChosenCrs> {
  const hint = source.format.name === 'ESRI Shapefile' ? 'Upload the .prj file, or set' : 'Set';
  return chooseCrs(
    { file: source.file, declared: source.declared.crs, hint },
    () => readCrs(source, layer, { gdal, signal }),
    { gdal, signal },
  );
}

/** The CRS of the file; undefined when it declares none. */
async function readCrs(
  source: VectorSource,
  layer: Layer,
  { gdal, signal }: Pick<LoadContext, 'gdal' | 'signal'>,
): Promise<Crs | undefined> {
  const { format, file } = source;
  if (format.drivers.includes('GeoJSON')) {
    const declared = await readGeojsonCrs(source.path, file, signal);
    if (declared.kind === 'null') return undefined;
    return declared.kind === 'named' ? lookUpCrs(gdal, declared.name, signal) : CRS84;
  }
  if (format.fixedCrs !== undefined) return CRS84;
  if (layer.wkt !== undefined) {
    const crs = parseEmbeddedCrs(layer.wkt, file);
    return UNDEFINED_NAMES.test(crs.name) ? undefined : crs;
  }
  if (!source.parts.includes('.prj')) return undefined;
  throw new SluiceError(
    'CRS_UNREADABLE',
    `GDAL cannot read the .prj file of ${file}. Correct it, or set \`crs\` for the file in the manifest.`,
    { details: { file } },
  );
}
