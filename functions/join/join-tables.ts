import type { LockedDatabase } from '#shared/duckdb/locked-database.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { EventData } from '#shared/events/types.ts';
import type { AssetDocument } from '#shared/ledger/documents.ts';
import type { JoinConfig } from '#shared/manifest/manifest.ts';
import { type ImportedTable, parquetToTable } from '#shared/parquet/parquet-to-table.ts';
import type { Column, JoinResult } from '#shared/contracts/facts.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { PROCESSED_TABLE } from '#shared/postgis/run-schema.ts';
import { describeAsset } from './find-assets.ts';
import { joinSql, SPATIAL_TABLE, TABULAR_TABLE, type Value } from './join-sql.ts';
import { matchKeys } from './match-keys.ts';
import type { JoinColumn, JoinPlan } from './plan-join.ts';

type StepRecord = EventData<'sluice.table.ready'>['steps'][number];

/** An asset as it lies on this machine. */
interface AssetFile {
  asset: AssetDocument;
  path: string;
}

/** Loads both files, says what matches, and makes `processed`. Throws ASSET_CHANGED, ASSET_VALUE_INVALID, JOIN_KEY_DUPLICATE. */
export async function joinTables(
  session: PostgisSession,
  database: LockedDatabase,
  files: { spatial: AssetFile; tabular: AssetFile },
  plan: JoinPlan,
  { config, srid, geometryColumn }: { config: JoinConfig; srid: number; geometryColumn: string },
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
  const leftKey = valueAt(spatial, plan.leftKey);
  const rightKey = valueAt(tabular, plan.rightKey);
  const { result, mostRows } = await matchKeys(
    session,
    { key: leftKey, rowCount: spatial.rowCount },
    { key: rightKey, rowCount: tabular.rowCount },
    {
      allowDuplicates: config.allow_duplicate_keys,
      rightKey: config.right_key,
      tabularAsset: describeAsset(files.tabular.asset),
    },
  );
  const sql = joinSql({
    how: config.how,
    leftKey,
    rightKey,
    mostRows,
    srid,
    geometryColumn,
    geometry: valueAt(spatial, plan.spatial.length)('s'),
    columns: [...resultColumns(plan.spatial, spatial, 's'), ...resultColumns(plan.tabular, tabular, 't')],
  });
  signal.throwIfAborted();
  const { rowCount } = await session.client.query(sql);
  steps.push({ step: 'Join', output: PROCESSED_TABLE, seconds: secondsSince(started), row_count: rowCount });
  return { steps, result };
}

async function loadFile(
  session: PostgisSession,
  database: LockedDatabase,
  { asset, path }: AssetFile,
  columns: Column[],
  table: string,
  signal: AbortSignal,
): Promise<ImportedTable> {
  const loaded = await parquetToTable(session, database, { path, columns }, table, signal);
  if (asset.row_count === null || asset.row_count === loaded.rowCount) return loaded;
  throw new SluiceError(
    'ASSET_CHANGED',
    `${describeAsset(asset)} has ${loaded.rowCount} rows, and ${asset.row_count} were registered.`,
    { details: { asset_id: asset._id } },
  );
}

function valueAt(table: ImportedTable, index: number): Value {
  const value = table.values[index];
  if (value === undefined) throw new SluiceError('INTERNAL', `Column ${index} was not loaded.`);
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
