import { join } from 'node:path';
import { epsgNumber } from '#shared/contracts/epsg-codes.ts';
import { openLockedDatabase } from '#shared/databases/locked-duckdb.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { EventData } from '#shared/events/event.ts';
import type { AssetDocument } from '#shared/ledger/documents.ts';
import type { JoinConfig } from '#shared/manifest/manifest.ts';
import { sessionSettings } from '#shared/postgis/session-pool.ts';
import { countGeometries } from '#shared/postgis/table-checks.ts';
import type { Context } from '#shared/runtime/context.ts';
import { openScratch } from '#shared/runtime/scratch.ts';
import { settleAll } from '#shared/signals/promises.ts';
import type { Claim } from '#shared/runtime/with-claim.ts';
import { assetLabel, fetchAsset, findAssets, type JoinAssets } from './find-assets.ts';
import { DROP_TABLES } from './join-sql.ts';
import { joinTables } from './join-tables.ts';
import { checkKeyTypes, matchNotes } from './match-keys.ts';
import { planJoin } from './plan-join.ts';

/**
 * Loads the two assets of the run's join_config into its schema, and joins them into `processed`. After a crash, the
 * next claim removes the tables and files. All SQL uses the fenced session of the claim.
 */
export async function joinAssets(claim: Claim, context: Context): Promise<EventData<'sluice.table.ready'>> {
  const { env, ledger, postgis } = context;
  const config = configOf(claim);
  const assets = await findAssets(config, ledger);
  const crs = crsOf(assets.spatial);
  const plan = planJoin(config, assets, env.GEOMETRY_COLUMN);
  await using scratch = await openScratch(env, claim);
  const paths = await fetchBoth(assets, scratch.folder, context, claim.signal);
  using database = await openLockedDatabase(scratch.folder, { threads: 1, preserveOrder: true });
  await checkKeyTypes(
    database,
    { column: plan.spatial[plan.leftKey]!, path: paths.spatial },
    { column: plan.tabular[plan.rightKey]!, path: paths.tabular },
    claim.signal,
  );
  const session = await postgis.openSession(claim, claim.signal);
  try {
    await session.query(`${sessionSettings(env, assets.spatial.row_count ?? Infinity)}; ${DROP_TABLES}`);
    const files = {
      spatial: { asset: assets.spatial, path: paths.spatial },
      tabular: { asset: assets.tabular, path: paths.tabular },
    };
    const { steps, result } = await joinTables(
      session,
      database,
      files,
      plan,
      { config, srid: crs.srid, geometryColumn: env.GEOMETRY_COLUMN },
      claim.signal,
    );
    const counts = await countGeometries(session, env.GEOMETRY_COLUMN);
    return {
      run_id: claim.runId,
      recipe: 'join',
      parameters: parametersOf(config, assets),
      steps,
      crs: crs.name,
      quality: { null_geometries: counts.nulls, empty_geometries: counts.empties, repaired_geometries: 0 },
      notes: [...plan.notes, ...matchNotes(result, { left: config.left_key, right: config.right_key })],
      parents: [assets.spatial._id, assets.tabular._id],
      join: result,
    };
  } finally {
    await session.close();
  }
}

function configOf({ run }: Claim): JoinConfig {
  const config = run.manifest.metadata.join_config;
  if (config !== undefined) return config;
  throw new SluiceError('MANIFEST_INVALID', 'metadata.join_config is missing. The intent join_datasets requires it.', {
    details: { field: 'metadata.join_config' },
  });
}

/** The CRS of an asset. All recipes transform to a CRS of the EPSG register. Throws ASSET_CRS_UNSUPPORTED. */
export function crsOf(asset: AssetDocument): { name: string; srid: number } {
  const srid = epsgNumber(asset.crs);
  if (srid !== undefined) return { name: `EPSG:${srid}`, srid };
  const found = asset.crs === null ? 'has no CRS' : `has the CRS ${asset.crs}, which has no EPSG code`;
  throw new SluiceError('ASSET_CRS_UNSUPPORTED', `${assetLabel(asset)} ${found}. A join requires an EPSG code.`, {
    details: { asset_id: asset._id, crs: asset.crs },
  });
}

/** Downloads the objects of both assets. Returns their paths. Throws ASSET_CHANGED. */
export async function fetchBoth(
  assets: JoinAssets,
  folder: string,
  context: Pick<Context, 'objects' | 'env'>,
  signal: AbortSignal,
): Promise<{ spatial: string; tabular: string }> {
  const paths = { spatial: join(folder, 'spatial.parquet'), tabular: join(folder, 'tabular.parquet') };
  await settleAll([
    fetchAsset(assets.spatial, paths.spatial, context, signal),
    fetchAsset(assets.tabular, paths.tabular, context, signal),
  ]);
  return paths;
}

/**
 * The parameters for the source hash. They include the content of both assets, so that an equal join reuses its asset.
 */
function parametersOf(
  { spatial_asset_id: _spatial, tabular_asset_id: _tabular, ...options }: JoinConfig,
  { spatial, tabular }: JoinAssets,
): Record<string, unknown> {
  return {
    ...options,
    spatial_asset_id: spatial._id,
    spatial_content_hash: spatial.content_hash,
    tabular_asset_id: tabular._id,
    tabular_content_hash: tabular.content_hash,
  };
}
