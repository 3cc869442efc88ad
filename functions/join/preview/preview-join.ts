import type { JoinPreview } from '#shared/contracts/join-preview.ts';
import { openLockedDatabase } from '#shared/databases/locked-duckdb.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { joinPreviewCompleted, parseJoinPreviewRequest } from '#shared/events/inspection.ts';
import { type JoinConfig, JoinConfigSchema } from '#shared/manifest/manifest.ts';
import { sessionSettings } from '#shared/postgis/session-pool.ts';
import type { Context } from '#shared/runtime/context.ts';
import { type InspectionRequest, inspectWithin } from '#shared/runtime/inspection.ts';
import { assetLabel, findAssets, type JoinAssets } from '../find-assets.ts';
import { crsOf, fetchBoth } from '../join-assets.ts';
import { SPATIAL_TABLE, TABULAR_TABLE } from '../join-sql.ts';
import { loadFile, valueAt } from '../join-tables.ts';
import { checkKeyTypes, collectTabularKeys, countMatches, duplicateKeys, type Matches } from '../match-keys.ts';
import { type JoinPlan, planJoin } from '../plan-join.ts';
import { sampleRows } from './sample-rows.ts';

/**
 * Answers the event JOIN_PREVIEW_REQUESTED with what the join of its join_config would do. Nothing is stored: the keys
 * are compared by the statements of the run, in temporary tables. Throws EVENT_INVALID, TOO_MANY_TRANSFERS,
 * STEP_TIMEOUT, and the errors of the run, except JOIN_KEY_DUPLICATE, which is the `problem` of the preview.
 */
export async function answerJoinPreview(event: SluiceEvent, context: Context): Promise<SluiceEvent> {
  const config = JoinConfigSchema.safeParse(parseJoinPreviewRequest(event).join_config);
  if (!config.success)
    throw new SluiceError('EVENT_INVALID', `The data of ${event.type} is not a join_config of a manifest.`, {
      details: { type: event.type },
    });
  const assets = await findAssets(config.data, context.ledger);
  const subject = {
    named: `${assetLabel(assets.spatial)} or ${assetLabel(assets.tabular)}`,
    details: { assets: [assets.spatial._id, assets.tabular._id] },
  };
  const preview = await inspectWithin(context, subject, (limits) => previewJoin(config.data, assets, context, limits));
  return joinPreviewCompleted(event, preview);
}

type Limits = Pick<InspectionRequest, 'folder' | 'signal'>;

async function previewJoin(
  config: JoinConfig,
  assets: JoinAssets,
  context: Context,
  { folder, signal }: Limits,
): Promise<JoinPreview> {
  const { env, postgis } = context;
  crsOf(assets.spatial);
  const plan = planJoin(config, assets, env.GEOMETRY_COLUMN);
  const [left, right] = [plan.spatial[plan.leftKey]!, plan.tabular[plan.rightKey]!];
  const paths = await fetchBoth(assets, folder, context, signal);
  using database = await openLockedDatabase(folder, { threads: 1, preserveOrder: true });
  await checkKeyTypes(database, { column: left, path: paths.spatial }, { column: right, path: paths.tabular }, signal);
  const session = await postgis.openTemporarySession(signal);
  try {
    await session.query(sessionSettings(env, assets.spatial.row_count ?? Infinity));
    const spatialFile = { asset: assets.spatial, path: paths.spatial };
    const tabularFile = { asset: assets.tabular, path: paths.tabular };
    const spatial = await loadFile(session, database, spatialFile, [left], SPATIAL_TABLE, signal);
    const tabular = await loadFile(session, database, tabularFile, [right], TABULAR_TABLE, signal);
    const keys = { left: valueAt(spatial, 0), right: valueAt(tabular, 0) };
    const sides = {
      spatial: { key: keys.left, rowCount: spatial.rowCount },
      tabular: { key: keys.right, rowCount: tabular.rowCount },
    };
    const duplicates = await collectTabularKeys(session, sides.tabular);
    const matches = await countMatches(session, sides.spatial, sides.tabular);
    const named = { rightKey: config.right_key, tabularAsset: assetLabel(assets.tabular) };
    const error = config.allow_duplicate_keys ? undefined : duplicateKeys(duplicates, named);
    const sample = await sampleRows(session, database, plan, { keys, paths, signal });
    return {
      ...summaryOf(config, assets, plan, matches, { spatial: spatial.rowCount, tabular: tabular.rowCount }),
      duplicates,
      sample,
      problem: error?.toDocument() ?? null,
    };
  } finally {
    await session.close();
  }
}

function summaryOf(
  config: JoinConfig,
  assets: JoinAssets,
  plan: JoinPlan,
  { result, matchedRows }: Matches,
  rowCounts: { spatial: number; tabular: number },
): Omit<JoinPreview, 'duplicates' | 'sample' | 'problem'> {
  const sideOf = (side: 'spatial' | 'tabular') => ({
    asset_id: assets[side]._id,
    dataset_id: assets[side].dataset_id,
    version: assets[side].version,
    row_count: rowCounts[side],
    matched_rows: matchedRows[side],
  });
  const withoutMatch = rowCounts.spatial - matchedRows.spatial;
  const attributes = [...plan.spatial, ...plan.tabular].filter(({ as }) => as !== undefined);
  return {
    spatial: sideOf('spatial'),
    tabular: sideOf('tabular'),
    join: result,
    row_count: result.matched_rows + (config.how === 'left' ? withoutMatch : 0),
    column_count: attributes.length + 1, // The geometry.
    notes: plan.notes,
  };
}
