import type { LockedDatabase } from '#shared/databases/locked-duckdb.ts';
import { statementFailure } from '#shared/errors/database-failure.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { EventData } from '#shared/events/event.ts';
import type { AssetDocument } from '#shared/ledger/documents.ts';
import type { JoinConfig } from '#shared/manifest/manifest.ts';
import { type ImportedTable, parquetToTable } from './import/parquet-to-table.ts';
import type { Column, JoinResult } from '#shared/contracts/shared-schemas.ts';
import type { PostgisSession, TableSession } from '#shared/postgis/postgis.ts';
import { PROCESSED_TABLE } from '#shared/postgis/run-schema.ts';
import { assetLabel } from './find-assets.ts';
import { joinSql, SPATIAL_TABLE, TABULAR_TABLE, type Value } from './join-sql.ts';
import { collectTabularKeys, countMatches, duplicateKeys } from './match-keys.ts';
import type { JoinColumn, JoinPlan } from './plan-join.ts';

type StepRecord = EventData<'sluice.table.ready'>['steps'][number];

/** An asset and its downloaded file. */
export interface AssetFile {
  asset: AssetDocument;
  path: string;
}

/**
 * Loads both files, counts matches, and creates `processed`. Throws ASSET_CHANGED, ASSET_VALUE_INVALID,
 * JOIN_KEY_DUPLICATE.
 */
export async function joinTables(
  session: PostgisSession,
  database: LockedDatabase,
  files: { spatial: AssetFile; tabular: AssetFile },
  plan: JoinPlan,
  target: { config: JoinConfig; srid: number; geometryColumn: string },
  signal: AbortSignal,
): Promise<{ steps: StepRecord[]; result: JoinResult }> {
  const steps: StepRecord[] = [];
  const load = async (step: string, file: AssetFile, columns: Column[], table: string) => {
    const started = performance.now();
    const loaded = await loadFile(session, database, file, columns, table, signal);
    steps.push({ step, output: table, seconds: secondsSince(started), row_count: loaded.rowCount });
    return loaded;
  };
  const spatial = await load('LoadSpatial', files.spatial, [...plan.spatial, plan.geometry], SPATIAL_TABLE);
  const tabular = await load('LoadTabular', files.tabular, plan.tabular, TABULAR_TABLE);

  const started = performance.now();
  const keys = { left: valueAt(spatial, plan.leftKey), right: valueAt(tabular, plan.rightKey) };
  const sides = {
    spatial: { key: keys.left, rowCount: spatial.rowCount },
    tabular: { key: keys.right, rowCount: tabular.rowCount },
  };
  const duplicates = await collectTabularKeys(session, sides.tabular);
  if (!target.config.allow_duplicate_keys) {
    const named = { rightKey: target.config.right_key, tabularAsset: assetLabel(files.tabular.asset) };
    const error = duplicateKeys(duplicates, named);
    if (error) throw error;
  }
  const { result } = await countMatches(session, sides.spatial, sides.tabular);
  signal.throwIfAborted();
  const sql = joinSql({
    how: target.config.how,
    leftKey: keys.left,
    rightKey: keys.right,
    mostRows: duplicates.most_rows,
    srid: target.srid,
    geometryColumn: target.geometryColumn,
    geometry: valueAt(spatial, plan.spatial.length)('s'),
    columns: [...resultColumns(plan.spatial, spatial, 's'), ...resultColumns(plan.tabular, tabular, 't')],
  });
  const { rowCount } = await session.client.query(sql).catch((thrown: unknown) => {
    throw statementFailure(thrown) ?? thrown;
  });
  steps.push({ step: 'Join', output: PROCESSED_TABLE, seconds: secondsSince(started), row_count: rowCount });
  return { steps, result };
}

/** Copies columns of the file of an asset to a new table. Throws ASSET_CHANGED, ASSET_VALUE_INVALID. */
export async function loadFile(
  session: TableSession,
  database: LockedDatabase,
  { asset, path }: AssetFile,
  columns: Column[],
  table: string,
  signal: AbortSignal,
): Promise<ImportedTable> {
  const loaded = await parquetToTable(session, database, { path, name: assetLabel(asset), columns }, table, signal);
  if (asset.row_count === null || asset.row_count === loaded.rowCount) return loaded;
  throw new SluiceError(
    'ASSET_CHANGED',
    `The file of ${assetLabel(asset)} has ${loaded.rowCount} rows, but the ledger records ${asset.row_count}.`,
    { details: { asset_id: asset._id } },
  );
}

/** SQL for the values of a requested column. */
export function valueAt(table: ImportedTable, index: number): Value {
  const value = table.values[index];
  if (value === undefined) throw new SluiceError('INTERNAL', `Column ${index} of the join was not loaded.`);
  return value;
}

function resultColumns(columns: JoinColumn[], table: ImportedTable, alias: string): { value: string; name: string }[] {
  return columns.flatMap(({ as }, index) =>
    as === undefined ? [] : [{ value: valueAt(table, index)(alias), name: as }],
  );
}

function secondsSince(started: number): number {
  return (performance.now() - started) / 1000;
}
