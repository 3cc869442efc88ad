import { type EventData, makeEvent, parseEventData, parseRunId, type SluiceEvent } from '#shared/events/event.ts';
import { deleteObjectsOfEarlierAttempts, findExistingAsset, storeAsset } from '#shared/assets/store-asset.ts';
import type { AssetDraft, RunDocument } from '#shared/ledger/documents.ts';
import { horizontalBounds } from '#shared/geoparquet/export/geometry-profile.ts';
import { writeGeoParquet } from '#shared/geoparquet/export/write-geoparquet.ts';
import { checkTableKept } from '#shared/postgis/table-checks.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import type { Context, Handler } from '#shared/runtime/context.ts';
import { openScratch } from '#shared/runtime/scratch.ts';
import { inputOfStep } from '#shared/runtime/step-input.ts';
import { type Claim, withClaim } from '#shared/runtime/with-claim.ts';
import { PROCESSED_TABLE } from '#shared/postgis/run-schema.ts';
import { assetKey } from '#shared/contracts/object-keys.ts';
import { postgisBoundsInDegrees } from '#shared/postgis/extent-in-degrees.ts';
import { epsgNumber } from '#shared/contracts/epsg-codes.ts';
import { sessionSettings } from '#shared/postgis/session-pool.ts';
import { projJson } from '#shared/geoparquet/export/plan-export.ts';
import { assetDraft, assetIdOf, sourceHash } from './asset-draft.ts';

/** Starts the thread that writes Parquet. */
export { warmUp } from '#shared/geoparquet/worker/worker-pool.ts';

type Loaded = EventData<'sluice.table.loaded'>;
type Ready = EventData<'sluice.table.ready'>;

/** Streams `processed` into a GeoParquet file, uploads it and registers the asset. See README.md. */
export const handler: Handler = (event, context) => {
  const runId = parseRunId(event, 'sluice.table.ready');
  return withClaim(context, { runId, step: 'export-geoparquet', event }, async (claim) => {
    const ready = inputOfStep(claim, 'sluice.table.ready');
    const loaded = loadedOf(claim.run);
    const source_hash = sourceHash(claim.run, loaded, ready);
    const existing = await findExistingAsset(
      claim,
      { _id: assetIdOf(claim.runId), dataset_id: claim.run.dataset_id, source_hash, sources: loaded?.files ?? [] },
      context,
    );
    const assetId = existing?.assetId ?? (await exportAsset(claim, loaded, ready, source_hash, context));
    return makeEvent('sluice.asset.exported', runId, {
      run_id: runId,
      asset_ids: [assetId],
      reused: existing?.reused ?? false,
    });
  });
};

/** The reply of load-to-postgis; undefined in the join lane. */
function loadedOf(run: RunDocument): Loaded | undefined {
  const reply = run.steps.find(({ name }) => name === 'load-to-postgis')?.reply;
  return reply ? parseEventData(reply as unknown as SluiceEvent, 'sluice.table.loaded') : undefined;
}

/** Rows of `processed`: the count of the last step that wrote a table. */
function rowsOf(ready: Ready): number | undefined {
  return ready.steps.findLast((step) => step.row_count !== null)?.row_count ?? undefined;
}

async function exportAsset(
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
