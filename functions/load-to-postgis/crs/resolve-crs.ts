import { SluiceError } from '#shared/errors/sluice-error.ts';
import { chooseCrs, type ChosenCrs, parseEmbeddedCrs } from '#shared/gdal/crs/choose-crs.ts';
import { type Crs, CRS84 } from '#shared/gdal/crs/crs.ts';
import { lookUpCrs } from '#shared/gdal/crs/look-up-crs.ts';
import { readGmlCrs } from '../gml/geometry-crs.ts';
import type { LayerDescription, VectorSource } from '../vector-source.ts';
import type { LoadContext } from '../load-context.ts';
import { readGeojsonCrs } from './geojson-crs.ts';

type DescribedLayer = Pick<LayerDescription, 'layer' | 'singleLayer'>;

/** Names of GeoPackage's srs_id -1 and 0, which mean that the CRS is undefined. */
const UNDEFINED_NAMES = /^Undefined (Cartesian|geographic) SRS/i;

/**
 * The CRS of a layer: the one of the manifest, else the one of the file. It is never guessed. A note is added when the
 * two differ. Throws CRS_MISSING, CRS_UNREADABLE, FILE_FORBIDDEN_CONTENT.
 */
export function resolveCrs(
  source: VectorSource,
  described: DescribedLayer,
  { gdal, signal }: Pick<LoadContext, 'gdal' | 'signal'>,
): Promise<ChosenCrs> {
  const hint = source.format.name === 'ESRI Shapefile' ? 'Upload the .prj file, or set' : 'Set';
  return chooseCrs(
    { file: source.file, declared: source.declared.crs, hint },
    () => readCrs(source, described, { gdal, signal }),
    { gdal, signal },
  );
}

/** The CRS of the file; undefined when it declares none. */
async function readCrs(
  source: VectorSource,
  { layer, singleLayer }: DescribedLayer,
  { gdal, signal }: Pick<LoadContext, 'gdal' | 'signal'>,
): Promise<Crs | undefined> {
  const { format, file } = source;
  if (format.drivers.includes('GeoJSON')) {
    const declared = await readGeojsonCrs(source.path, file, signal);
    if (declared.kind === 'null') return undefined;
    return declared.kind === 'named' ? lookUpCrs(gdal, declared.name, signal) : CRS84;
  }
  if (format.fixedCrs !== undefined) return CRS84;
  const crs = layer.wkt === undefined ? undefined : parseEmbeddedCrs(layer.wkt, file);
  const embedded = crs !== undefined && UNDEFINED_NAMES.test(crs.name) ? undefined : crs;
  if (format.name === 'GML') {
    const layerName = singleLayer ? undefined : layer.name;
    return readGmlCrs({ path: source.path, file, embedded, layer: layerName }, { gdal, signal });
  }
  if (crs !== undefined) return embedded;
  if (!source.parts.includes('.prj')) return undefined;
  throw new SluiceError(
    'CRS_UNREADABLE',
    `GDAL cannot read the .prj file of ${file}. Correct it, or set \`crs\` for the file in the manifest.`,
    { details: { file } },
  );
}
