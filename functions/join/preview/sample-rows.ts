import { quotedIdentifier, quotedString } from '@duckdb/node-api';
import type { JoinPreview } from '#shared/contracts/join-preview.ts';
import type { LockedDatabase } from '#shared/databases/locked-duckdb.ts';
import type { TableSession } from '#shared/postgis/postgis.ts';
import { matchedRowsSql, type Value } from '../join-sql.ts';
import type { JoinColumn, JoinPlan } from '../plan-join.ts';

/** Joined rows of a sample. */
const SAMPLE_ROWS = 10;
/** Columns of each side in a sample. An asset can have 1,600, and an event at most 1 MiB. */
const SAMPLE_COLUMNS = 20;
/** Characters of a value. */
const SAMPLE_VALUE_LENGTH = 100;

type Sample = JoinPreview['sample'];
type Row = (string | null)[];

/** The first joined rows that have a match, with the names of their columns in the joined asset, as texts. */
export async function sampleRows(
  session: TableSession,
  database: LockedDatabase,
  plan: JoinPlan,
  {
    keys,
    paths,
    signal,
  }: {
    keys: { left: Value; right: Value };
    paths: { spatial: string; tabular: string };
    signal: AbortSignal;
  },
): Promise<Sample> {
  const spatial = shownColumns(plan.spatial, plan.leftKey);
  const tabular = shownColumns(plan.tabular, plan.rightKey);
  const pairs = await session.query<{ spatial: number; tabular: number }>(
    matchedRowsSql(keys.left, keys.right, SAMPLE_ROWS),
  );
  const rowsOf = (path: string, columns: JoinColumn[], numbers: number[]) =>
    readRows(database, { path, columns, numbers: [...new Set(numbers)] }, signal);
  const left = await rowsOf(
    paths.spatial,
    spatial,
    pairs.map((pair) => pair.spatial),
  );
  const right = await rowsOf(
    paths.tabular,
    tabular,
    pairs.map((pair) => pair.tabular),
  );
  const named = (columns: JoinColumn[], side: 'spatial' | 'tabular') =>
    columns.map(({ name, as = name }) => ({ name: as, side }));
  return {
    columns: [...named(spatial, 'spatial'), ...named(tabular, 'tabular')],
    rows: pairs.map((pair) => [...(left.get(pair.spatial) ?? []), ...(right.get(pair.tabular) ?? [])]),
  };
}

/** The first columns that the joined asset has, and always the key. */
function shownColumns(columns: JoinColumn[], key: number): JoinColumn[] {
  const kept = columns.filter(({ as }) => as !== undefined);
  const shown = kept.slice(0, SAMPLE_COLUMNS);
  const keyColumn = columns[key];
  if (keyColumn?.as === undefined || shown.includes(keyColumn)) return shown;
  return [keyColumn, ...shown.slice(0, SAMPLE_COLUMNS - 1)];
}

/** Rows of a Parquet file by their numbers, as the import numbers them. The file is read up to the last of them. */
async function readRows(
  database: LockedDatabase,
  { path, columns, numbers }: { path: string; columns: JoinColumn[]; numbers: number[] },
  signal: AbortSignal,
): Promise<Map<number, Row>> {
  if (numbers.length === 0) return new Map();
  const values = columns.map(
    ({ name }, index) => `left(${quotedIdentifier(name)}::varchar, ${SAMPLE_VALUE_LENGTH}) as c${index}`,
  );
  const rows = await database.query<Record<string, string | null>>(
    `select * from (
       select ${['row_number() over () as n', ...values].join(', ')} from read_parquet(${quotedString(path)}))
     where n in (${numbers.join(', ')}) limit ${numbers.length}`,
    signal,
  );
  return new Map(rows.map((row) => [Number(row.n), columns.map((_, index) => row[`c${index}`] ?? null)]));
}
