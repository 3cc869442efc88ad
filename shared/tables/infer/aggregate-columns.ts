import type { LockedDatabase } from '#shared/databases/locked-duckdb.ts';
import type { TextColumn, TextTable } from './text-table.ts';

/** The results of aggregates over one column, by the names of the aggregates. */
export type ColumnFacts = Record<string, string | boolean | number | null>;

/** SQL of aggregates over the values of a column, by name. */
export type ColumnAggregates = (column: TextColumn) => Record<string, string>;

/**
 * From this number of rows, a query has one expression per column and aggregate. DuckDB needs 10 ms to plan an
 * expression, so such queries take minutes for a wide table of few rows. For fewer rows, the values of all columns are
 * read as one column and grouped by their position, which takes 0.2 µs more per value.
 */
const MIN_ROWS_BY_COLUMN = 100_000;
/** The planning time grows faster than the number of expressions. The file is read once for each group of this size. */
const EXPRESSIONS_PER_QUERY = 200;

/** Computes aggregates of some columns of a table; of all rows, or of those for which `where` (SQL) is true. */
export async function aggregateColumns(
  database: LockedDatabase,
  table: TextTable,
  columns: readonly TextColumn[],
  aggregates: ColumnAggregates,
  signal: AbortSignal,
  where?: string,
): Promise<ColumnFacts[]> {
  const found =
    where === undefined && table.rowCount < MIN_ROWS_BY_COLUMN
      ? await aggregateByValue(database, table, columns, aggregates, signal)
      : await aggregateByColumn(database, table, columns, aggregates, signal, where ?? 'true');
  return columns.map((column) => found.get(column) ?? {});
}

async function aggregateByColumn(
  database: LockedDatabase,
  table: TextTable,
  columns: readonly TextColumn[],
  aggregates: ColumnAggregates,
  signal: AbortSignal,
  where: string,
): Promise<Map<TextColumn, ColumnFacts>> {
  const found = new Map<TextColumn, ColumnFacts>();
  const expressions = columns.flatMap((column, index) =>
    Object.entries(aggregates(column)).map(([name, sql]) => ({ column, name, sql, alias: `${name}_${index}` })),
  );
  for (let at = 0; at < expressions.length; at += EXPRESSIONS_PER_QUERY) {
    const some = expressions.slice(at, at + EXPRESSIONS_PER_QUERY);
    const select = some.map(({ sql, alias }) => `${sql} as ${alias}`).join(', ');
    const [row = {}] = await database.query<ColumnFacts>(
      `select ${select} from ${table.rowsSql} where ${where}`,
      signal,
    );
    for (const { column, name, alias } of some) found.set(column, { ...found.get(column), [name]: row[alias] ?? null });
  }
  return found;
}

async function aggregateByValue(
  database: LockedDatabase,
  table: TextTable,
  columns: readonly TextColumn[],
  aggregates: ColumnAggregates,
  signal: AbortSignal,
): Promise<Map<TextColumn, ColumnFacts>> {
  const found = new Map<TextColumn, ColumnFacts>();
  for (const group of groupByAggregates(columns, aggregates)) {
    const byPosition = new Map(group.columns.map((column) => [column.position, column]));
    const rows = await database.query<ColumnFacts>(groupSql(table, group), signal);
    for (const { position, ...row } of rows) found.set(byPosition.get(Number(position)) as TextColumn, row);
  }
  return found;
}

/** Columns with the same aggregates. */
interface Group {
  aggregates: Record<string, string>;
  columns: TextColumn[];
}

function groupByAggregates(columns: readonly TextColumn[], aggregates: ColumnAggregates): Group[] {
  const groups = new Map<string, Group>();
  for (const column of columns) {
    const wanted = aggregates({ ...column, position: 0 }); // All values are `c0` in `valuesSql`.
    const key = JSON.stringify(wanted);
    const group = groups.get(key);
    if (group !== undefined) group.columns.push(column);
    else if (Object.keys(wanted).length > 0) groups.set(key, { aggregates: wanted, columns: [column] });
  }
  return [...groups.values()];
}

function groupSql(table: TextTable, { aggregates, columns }: Group): string {
  const select = Object.entries(aggregates).map(([name, sql]) => `${sql} as ${name}`);
  const positions = columns.map(({ position }) => position);
  return (
    `select position, ${select.join(', ')} from ${table.valuesSql} ` +
    `where position in (${positions.join(', ')}) group by position`
  );
}
