import type { Note } from '#shared/events/types.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { checkedCrsText, CRS84, crsLabel, isSameCrs, lookUpCrs } from '#shared/gdal/crs.ts';
import type { Gdal } from '#shared/gdal/gdal.ts';
import type { Layer } from '#shared/gdal/layers.ts';
import { type Crs, crsOfWkt } from '#shared/gdal/wkt.ts';
import type { Source } from './fetch-source.ts';
import { geojsonCrs } from './geojson-crs.ts';

/** GeoPackage's way to say that there is none: srs_id -1 and 0. */
const UNDEFINED_NAMES = /^Undefined (Cartesian|geographic) SRS/i;

/**
 * The CRS of a layer: that of the manifest, else that of the file; never a guess. A declared one that differs from the file's is noted.
 * Throws CRS_MISSING, CRS_UNREADABLE, FILE_FORBIDDEN_CONTENT.
 */
export async function resolveCrs(source: Source, layer: Layer, { gdal, signal }: { gdal: Gdal; signal: AbortSignal }): Promise<{ crs: Crs; notes: Note[] }> {
  const declared = source.declared.crs === undefined ? undefined : await lookUpCrs(gdal, checkedCrsText(source.declared.crs), signal);
  const ofFile = await crsOfFile(source, layer, { gdal, signal }).catch((thrown: unknown) => {
    const error = asSluiceError(thrown);
    if (declared === undefined || error.code !== 'CRS_UNREADABLE') throw error;
    return undefined; // The manifest says what the file says badly.
  });
  const crs = declared ?? ofFile;
  if (crs === undefined) {
    throw new SluiceError('CRS_MISSING', `Neither ${source.file} nor the manifest says which coordinate reference system its coordinates are in. ${source.format.name === 'ESRI Shapefile' ? 'Upload the .prj file, or set' : 'Set'} \`crs\` for the file in the manifest.`, { details: { file: source.file } });
  }
  if (crs.kind === 'local') throw new SluiceError('CRS_UNREADABLE', `${source.file} is in the local system ${JSON.stringify(crs.name)}, which has no known place on Earth. Set \`crs\` for the file in the manifest.`, { details: { file: source.file, crs: crs.name } });
  if (declared === undefined || ofFile === undefined || isSameCrs(declared, ofFile)) return { crs, notes: [] };
  return { crs, notes: [{ code: 'CRS_DECLARED_OVERRIDES', file: source.file, message: `The manifest says ${crsLabel(declared)}, the file says ${crsLabel(ofFile)}; the manifest was believed.` }] };
}

async function crsOfFile(source: Source, layer: Layer, { gdal, signal }: { gdal: Gdal; signal: AbortSignal }): Promise<Crs | undefined> {
  const { format, file } = source;
  if (format.drivers.includes('GeoJSON')) {
    const member = await geojsonCrs(source.path, file, signal);
    if (member.says === 'none') return undefined;
    return member.says === 'crs' ? lookUpCrs(gdal, member.text, signal) : CRS84;
  }
  if (format.fixedCrs !== undefined) return CRS84;
  if (layer.wkt !== undefined) {
    const crs = readable(layer.wkt, file);
    return UNDEFINED_NAMES.test(crs.name) ? undefined : crs;
  }
  if (!source.parts.includes('.prj')) return undefined;
  throw new SluiceError('CRS_UNREADABLE', `The .prj file of ${file} cannot be read. Correct it, or set \`crs\` for the file in the manifest.`, { details: { file } });
}

function readable(wkt: string, file: string): Crs {
  try {
    return crsOfWkt(checkedCrsText(wkt));
  } catch (thrown) {
    const error = asSluiceError(thrown);
    throw new SluiceError(error.code, `The CRS of ${file} cannot be read. ${error.message}`, { cause: thrown, details: { ...error.details, file } });
  }
}
