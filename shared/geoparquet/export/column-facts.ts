import format from 'pg-format';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { asciiCaseless, unusedName } from '#shared/contracts/column-names.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import type { TableColumn } from '#shared/postgis/table-checks.ts';
import { counted } from '#shared/text/amounts.ts';
import { type ExportedColumnFacts, isRepresentable, TIME_TYPES } from './export-column.ts';

/** Facts about the columns whose type alone does not determine the type in the file. */
export interface TableFacts {
  byColumn: Map<string, ExportedColumnFacts>;
  /** Notes about values that become null in the file. */
  notes: Note[];
}

/** Scans the table once, unless the types of all columns are sufficient. */
export async function readColumnFacts(
  session: PostgisSession,
  table: string,
  columns: TableColumn[],
): Promise<TableFacts> {
  const needed = columns
    .map((column, index) => ({ column, index, sql: aggregateSql(column) }))
    .filter(({ sql }) => sql !== undefined);
  if (needed.length === 0) return { byColumn: new Map(), notes: [] };
  const select = needed.map(({ sql, index }) => `${sql} as f${index}`).join(', ');
  const [row = {}] = await session.query<Record<string, Aggregate>>(format('select %s from %I as t', select, table));
  const facts: TableFacts = { byColumn: new Map(), notes: [] };
  for (const { column, index } of needed) {
    const found = row[`f${index}`] ?? {};
    facts.byColumn.set(column.name, factsOf(found));
    if (found.unrepresentable) facts.notes.push(unrepresentableNote(column.name, found.unrepresentable));
  }
  return facts;
}

/** The fields of the JSON object that is computed for one column. */
interface Aggregate {
  whole?: number | null;
  scale?: number | null;
  special?: boolean | null;
  dimensions?: number | null;
  unrepresentable?: number;
}

function aggregateSql(column: TableColumn): string | undefined {
  const value = format('t.%I', column.name);
  if (column.array) return `json_build_object('dimensions', max(array_ndims(${value})))`;
  if (column.base === 'numeric') {
    const finite = `${value} not in ('NaN', 'Infinity', '-Infinity')`;
    return `json_build_object('whole', max(length(trunc(abs(${value}))::text)) filter (where ${finite}),
      'scale', max(scale(${value})), 'special', bool_or(not (${finite})))`;
  }
  if (TIME_TYPES.includes(column.base))
    return `json_build_object('unrepresentable',
      count(*) filter (where not ${isRepresentable(value, column.base)}))`;
  return undefined;
}

function factsOf({ whole, scale, special, dimensions }: Aggregate): ExportedColumnFacts {
  return {
    ...(typeof whole === 'number' ? { digits: { whole, scale: scale ?? 0 } } : {}),
    special: special ?? false,
    dimensions: dimensions ?? 0,
  };
}

function unrepresentableNote(column: string, count: number): Note {
  return {
    code: 'TIME_NOT_REPRESENTABLE',
    message:
      `${counted(count, 'value')} of column ${JSON.stringify(column)} became null, ` +
      'because Parquet has no times that are infinite or after the year 294246.',
    column,
  };
}

/** Names of columns in the file, in its order. */
export interface ColumnNames {
  names: string[];
  notes: Note[];
}

/**
 * Makes names distinct without regard to case, because many readers ignore it: a name that equals an earlier one gets
 * `_1`, `_2`, … and a note.
 */
export function distinctNames(wanted: string[]): ColumnNames {
  const taken = new Set<string>();
  const reserved = new Set(wanted.map(asciiCaseless));
  const result: ColumnNames = { names: [], notes: [] };
  for (const name of wanted) {
    const distinct = taken.has(asciiCaseless(name)) ? unusedName(name, reserved) : name;
    taken.add(asciiCaseless(distinct));
    reserved.add(asciiCaseless(distinct));
    result.names.push(distinct);
    if (distinct !== name)
      result.notes.push({
        code: 'COLUMN_RENAMED',
        message:
          `Column ${JSON.stringify(name)} was renamed to ${JSON.stringify(distinct)}: ` +
          'another name differs only in case.',
        column: distinct,
      });
  }
  return result;
}
