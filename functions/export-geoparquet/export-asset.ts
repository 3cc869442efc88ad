import { deleteObjectsOfEarlierAttempts, storeAsset } from '#shared/assets/store-asset.ts';
import type { EventData } from '#shared/events/event.ts';
import type { AssetDraft } from '#shared/ledger/documents.ts';
import { horizontalBounds } from '#shared/geoparquet/export/geometry-profile.ts';
import { writeGeoParquet } from '#shared/geoparquet/export/write-geoparquet.ts';
import { checkTableKept } from '#shared/postgis/table-checks.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import type { Context } from '#shared/runtime/context.ts';
import { openScratch } from '#shared/runtime/scratch.ts';
import type { Claim } from '#shared/runtime/with-claim.ts';
import { PROCESSED_TABLE } from '#shared/postgis/run-schema.ts';
import { assetKey } from '#shared/contracts/object-keys.ts';
import { postgisBoundsInDegrees } from '#shared/postgis/extent-in-degrees.ts';
import { epsgNumber } from '#shared/contracts/epsg-codes.ts';
import { sessionSettings } from '#shared/postgis/session-pool.ts';
import { projJson } from '#shared/geoparquet/export/plan-export.ts';
import { assetDraft } from './asset-draft.ts';

type Loaded = EventData<'sluice.table.loaded'>;
type Ready = EventData<'sluice.table.ready'>;

/** Writes `processed` to a GeoParquet file, uploads it and registers the asset. Returns the id of the asset. */
export async function exportAsset(
  claim: Claim,
  loaded: Loaded | undefined,
  ready: Ready,
  source_hash: string,
  context: Context,
): Promise<string> {
  const { env } = context;
  await deleteObjectsOfEarlierAttempts(claim, context);
  await using scratch = await openScratch(env, claim);
  const crs = await projJson(ready.crs, context.gdal, claim.signal);
  const session = await context.postgis.openSession(claim, claim.signal);
  try {
    const rows = rowsOf(ready) ?? loaded?.row_count ?? 0;
    await checkTableKept(session, PROCESSED_TABLE, rows);
    await session.query(sessionSettings(env, rows));
    const source = { table: PROCESSED_TABLE, geometryColumn: env.GEOMETRY_COLUMN, crs };
    const target = { folder: scratch.folder, name: 'asset.parquet' };
    const file = await writeGeoParquet(session, source, target, claim.signal);
    const draft = assetDraft(claim.run, loaded, ready, {
      ...file,
      s3_key: assetKey(claim.run, claim.token, '.parquet'),
      source_hash,
      bbox: await boundingBox(session, horizontalBounds(file.profile.bbox), ready.crs),
      software: { DuckDB: file.duckdb, ...(await postgisVersions(session)) },
    });
    const { _id } = await storeAsset(file.path, draft, claim, context);
    return _id;
  } finally {
    await session.close();
  }
}

/** Rows of `processed`: the count of the last step that wrote a table. */
function rowsOf(ready: Ready): number | undefined {
  return ready.steps.findLast((step) => step.row_count !== null)?.row_count ?? undefined;
}

/** The versions of PostGIS and its libraries, for the asset. */
async function postgisVersions(session: PostgisSession): Promise<Record<string, string>> {
  const [versions] = await session.query<{ postgis: string; geos: string; proj: string }>(
    'select postgis_lib_version() as postgis, postgis_geos_version() as geos, postgis_proj_version() as proj',
  );
  return {
    PostGIS: versions?.postgis ?? '',
    GEOS: versions?.geos ?? '',
    PROJ: versions?.proj ?? '',
  };
}

/** The bounds of the asset in EPSG:4326; null when it has none, or when they cannot be transformed. */
async function boundingBox(
  session: PostgisSession,
  bounds: AssetDraft['bbox'],
  crs: string,
): Promise<AssetDraft['bbox']> {
  const srid = epsgNumber(crs);
  return bounds === null || srid === undefined ? null : ((await postgisBoundsInDegrees(session, bounds, srid)) ?? null);
}
