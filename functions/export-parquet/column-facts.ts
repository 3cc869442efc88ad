import type { LockedDatabase } from '#shared/duckdb/locked-database.ts';
import type { SourceColumn, TableSource } from './table-source.ts';

/** What a query says of one column, by the names of its facts. */
export type ColumnFacts = Record<string, string | boolean | number | null>;

/** SQL of aggregates over the values of a column, by name. */
export type FactsOfColumn = (column: SourceColumn) => Record<string, string>;

/**
 * DuckDB plans 10 ms at an expression, so an expression for each column costs wide tables minutes before the first row is read. Taken one by
 * one and grouped by their column, a few expressions do for all values, but each takes 0.2 µs more: with as many rows that comes to the same.
 */
const TALL_ROWS = 100_000;
/** Planning time grows faster than the number of expressions; and the file is read once for as many. */
const EXPRESSIONS_PER_QUERY = 200;

/** Facts of some columns of a file, in their order; of all rows, or of those for which `where` (SQL) is true. */
export async function factsOfColumns(
  database: LockedDatabase,
  table: TableSource,
  columns: readonly SourceColumn[],
  facts: FactsOfColumn,
  signal: AbortSignal,
  where?: string,
): Promise<ColumnFacts[]> {
  const found = new Map<SourceColumn, ColumnFacts>(columns.map((column) => [column, {}]));
  if (where === undefined && table.rows < TALL_ROWS) {
    for (const group of groupsOf(columns, facts)) {
      const byPosition = new Map(group.columns.map((column) => [column.position, column]));
      const rows = await database.query<ColumnFacts>(factsByValueSql(table, group, facts), signal);
      for (const { position, ...row } of rows) found.set(byPosition.get(Number(position)) as SourceColumn, row);
    }
  } else {
    const expressions = columns.flatMap((column, index) =>
      Object.entries(facts(column)).map(([name, sql]) => ({ column, name, sql, alias: `${name}_${index}` })),
    );
    for (let at = 0; at < expressions.length; at += EXPRESSIONS_PER_QUERY) {
      const some = expressions.slice(at, at + EXPRESSIONS_PER_QUERY);
      const [row = {}] = await database.query<ColumnFacts>(
        `select ${some.map(({ sql, alias }) => `${sql} as ${alias}`).join(', ')} from ${table.from} where ${where ?? 'true'}`,
        signal,
      );
      for (const { column, name, alias } of some)
        found.set(column, { ...found.get(column), [name]: row[alias] ?? null });
    }
  }
  return columns.map((column) => found.get(column) ?? {});
}

/** Columns of which the same is asked. */
interface Group {
  first: SourceColumn;
  columns: SourceColumn[];
}

/** The name of a value in `table.values` is that of the first column. */
const asValue = (column: SourceColumn): SourceColumn => ({ ...column, position: 0 });

function groupsOf(columns: readonly SourceColumn[], facts: FactsOfColumn): Group[] {
  const groups = new Map<string, Group>();
  for (const column of columns) {
    const wanted = facts(asValue(column));
    const key = JSON.stringify(wanted);
    const group = groups.get(key);
    if (group !== undefined) group.columns.push(column);
    else if (Object.keys(wanted).length > 0) groups.set(key, { first: column, columns: [column] });
  }
  return [...groups.values()];
}

function factsByValueSql(table: TableSource, { first, columns }: Group, facts: FactsOfColumn): string {
  const wanted = Object.entries(facts(asValue(first))).map(([name, sql]) => `${sql} as ${name}`);
  return `select position, ${wanted.join(', ')} from ${table.values} where position in (${columns.map(({ position }) => position).join(', ')}) group by position`;
}
