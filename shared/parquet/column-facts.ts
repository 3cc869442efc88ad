import format from 'pg-format';
import type { Note } from '#shared/contracts/facts.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import type { TableColumn } from '#shared/postgis/table-columns.ts';
import { type ColumnFacts, isRepresentable, TIME_TYPES } from './column-types.ts';

/** What the values say about the columns whose type alone does not decide how they are written. */
export interface TableColumnFacts {
  byColumn: Map<string, ColumnFacts>;
  /** Values that the file cannot hold. */
  notes: Note[];
}

/** One scan of the table, and none when no column needs it. */
export async function readColumnFacts(
  session: PostgisSession,
  table: string,
  columns: TableColumn[],
): Promise<TableColumnFacts> {
  const asked = columns
    .map((column, index) => ({ column, index, sql: aggregate(column) }))
    .filter(({ sql }) => sql !== undefined);
  if (asked.length === 0) return { byColumn: new Map(), notes: [] };
  const select = asked.map(({ sql, index }) => `${sql} as f${index}`).join(', ');
  const [row = {}] = await session.query<Record<string, Aggregate>>(format('select %s from %I as t', select, table));
  const facts: TableColumnFacts = { byColumn: new Map(), notes: [] };
  for (const { column, index } of asked) {
    const found = row[`f${index}`] ?? {};
    facts.byColumn.set(column.name, factsOf(found));
    if ((found.unrepresentable ?? 0) > 0) facts.notes.push(unrepresentable(column.name, found.unrepresentable ?? 0));
  }
  return facts;
}

/** Parts of the JSON object that is computed for one column. */
interface Aggregate {
  whole?: number | null;
  scale?: number | null;
  special?: boolean | null;
  dimensions?: number | null;
  unrepresentable?: number;
}

function aggregate(column: TableColumn): string | undefined {
  const value = format('t.%I', column.name);
  if (column.array) return `json_build_object('dimensions', max(array_ndims(${value})))`;
  if (column.base === 'numeric') {
    const finite = `${value} not in ('NaN', 'Infinity', '-Infinity')`;
    return `json_build_object('whole', max(length(trunc(abs(${value}))::text)) filter (where ${finite}), 'scale', max(scale(${value})), 'special', bool_or(not (${finite})))`;
  }
  if (TIME_TYPES.includes(column.base))
    return `json_build_object('unrepresentable', count(*) filter (where not ${isRepresentable(value, column.base)}))`;
  return undefined;
}

function factsOf({ whole, scale, special, dimensions }: Aggregate): ColumnFacts {
  return {
    ...(typeof whole === 'number' ? { digits: { whole, scale: scale ?? 0 } } : {}),
    special: special ?? false,
    dimensions: dimensions ?? 0,
  };
}

function unrepresentable(column: string, count: number): Note {
  return {
    code: 'TIME_NOT_REPRESENTABLE',
    message: `${count} values of ${column} are infinite or past the year 294246; Parquet has no such times, so they are null.`,
    column,
  };
}
