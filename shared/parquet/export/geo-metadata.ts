import type { Gdal } from '#shared/gdal/gdal.ts';
import type { GeometryProfile } from './geometry-profile.ts';

/** The struct column with the bounds of each geometry. Readers use its statistics to skip row groups. */
export const COVERING_NAME = 'bbox';

/**
 * Value of the key `geo` in the file's metadata (GeoParquet 1.1.0). `crs` is PROJJSON. Edges are planar, the default.
 */
export function geoMetadata(
  column: string,
  covering: string,
  profile: Pick<GeometryProfile, 'geometry_types' | 'bbox'>,
  crs: unknown,
): Record<string, unknown> {
  const side = (name: string) => ({ [name]: [covering, name] });
  return {
    version: '1.1.0',
    primary_column: column,
    columns: {
      [column]: {
        encoding: 'WKB',
        geometry_types: profile.geometry_types,
        crs,
        ...(profile.bbox === null ? {} : { bbox: profile.bbox }),
        covering: { bbox: { ...side('xmin'), ...side('ymin'), ...side('xmax'), ...side('ymax') } },
      },
    },
  };
}

import epsg4326 from './epsg-4326.json' with { type: 'json' };

/** A process exports to few CRS. The limit bounds the memory of one that meets many. */
const CACHED_CRS = 256;

/** PROJJSON by code. EPSG:4326 is included, so that most exports do not start projinfo. */
const known = new Map<string, unknown>([['EPSG:4326', epsg4326]]);

/** The PROJJSON of `EPSG:n`, from projinfo once per process. Throws FILE_UNREADABLE when PROJ does not have the CRS. */
export async function projJson(crs: string, gdal: Gdal, signal: AbortSignal): Promise<unknown> {
  const found = known.get(crs);
  if (found !== undefined) return found;
  const { stdout } = await gdal.run(
    { command: 'projinfo', args: ['-q', '-o', 'PROJJSON', crs], drivers: [] },
    { signal },
  );
  const parsed: unknown = JSON.parse(stdout);
  if (known.size >= CACHED_CRS) known.clear();
  known.set(crs, parsed);
  return parsed;
}
