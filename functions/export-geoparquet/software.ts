import { SLUICE_VERSION } from '#shared/assets/store-asset.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';

/** The versions of the programs that wrote the file, for the asset. */
export async function softwareVersions(session: PostgisSession, duckdb: string): Promise<Record<string, string>> {
  const [versions] = await session.query<{ postgis: string; geos: string; proj: string }>(
    'select postgis_lib_version() as postgis, postgis_geos_version() as geos, postgis_proj_version() as proj',
  );
  return {
    Sluice: SLUICE_VERSION,
    DuckDB: duckdb,
    PostGIS: versions?.postgis ?? '',
    GEOS: versions?.geos ?? '',
    PROJ: versions?.proj ?? '',
  };
}
