import type { Gdal } from '#shared/gdal/gdal.ts';
import epsg4326 from './epsg-4326.json' with { type: 'json' };

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
  known.set(crs, parsed);
  return parsed;
}
