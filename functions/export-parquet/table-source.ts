import { quotedString } from '@duckdb/node-api';
import type { TabularParametersSchema } from '#shared/manifest/manifest.ts';
import type { Note, SourceFile } from '#shared/contracts/facts.ts';
import type { z } from 'zod';
import type { RejectedRows } from './rejected-rows.ts';
import { ESCAPED } from './staged-text.ts';
import { convertSql, type ColumnType, type Decimal, fitsSql, readableSql, type TabularType } from './value-types.ts';

/** The time that DuckDB needs to plan a statement grows with the square of its columns: with as many, it takes 5 s to write a table of one row. */
export const MAX_COLUMNS = 5_000;

export type TabularParameters = z.infer<typeof TabularParametersSchema>;

/** One column of a file, before its type is known. */
export interface SourceColumn {
  /** In the asset. */
  name: string;
  /** In the file: it is `c0`, `c1`, … */
  position: number;
  /** Declared by the manifest, or fixed by a workbook: values that can't be read as it are rejected. */
  declared?: TabularType;
  /** Else: types that its first values allow; none is text. */
  candidates: readonly TabularType[];
  /** Some value of it has an escape. */
  escaped: boolean;
  /** No value of it keeps a row from being read. */
  isReadable?: boolean;
}

/** One file of the manifest as a table that DuckDB can read. */
export interface TableSource {
  source: SourceFile;
  columns: SourceColumn[];
  /** SQL after FROM: `line`, and `c0`, `c1`, … as text. */
  from: string;
  /** SQL after FROM: each value of each row by itself, as `c0`, with the `position` of its column. */
  values: string;
  /** Rows that `from` has. */
  rows: number;
  decimal: Decimal;
  /** Texts that mean "no value", for columns that are no text. */
  nullValues: readonly string[];
  rejected: RejectedRows;
  notes: Note[];
}

/** SQL: the text of a column, without escapes. */
export function textSql({ position, escaped }: Pick<SourceColumn, 'position' | 'escaped'>): string {
  const staged = `c${position}`;
  if (!escaped) return staged;
  return ESCAPED.reduce(
    (text, { mark, stands }) => `replace(${text}, ${quotedString(`\u001a${mark}`)}, ${quotedString(stands)})`,
    staged,
  );
}

/** SQL: the text of a column whose type is not text, where an empty text is no value even when it is quoted. */
export function valueSql(table: Pick<TableSource, 'nullValues'>, column: SourceColumn): string {
  const text = textSql(column);
  const nothing = [...(column.escaped ? [''] : []), ...table.nullValues];
  return nothing.length === 0
    ? text
    : `case when ${text} in (${nothing.map(quotedString).join(', ')}) then null else ${text} end`;
}

/** SQL: whether all values of a column have a type in its plain notation; true when there is no value. */
export function allFitSql(table: TableSource, column: SourceColumn, type: TabularType): string {
  const value = valueSql(table, column);
  return `bool_and(${value} is null or coalesce(${fitsSql(type, value, table.decimal)}, false))`;
}

/** One test for each declared column that may need it: true when the row has a value that can't be read as that type. */
export function misfitTests(table: TableSource): { column: SourceColumn; value: string; test: string }[] {
  return table.columns.flatMap((column) => {
    if (column.isReadable === true || column.declared === undefined || isAnyText(column.declared)) return [];
    const value = valueSql(table, column);
    return [
      { column, value, test: `(${value} is not null and not ${readableSql(column.declared, value, table.decimal)})` },
    ];
  });
}

/** SQL: whether all values of a column that is declared to be of a type can be read as one; true when there is no value. */
export function allReadableSql(table: TableSource, column: SourceColumn, type: TabularType): string {
  const value = valueSql(table, column);
  return `bool_and(${value} is null or ${readableSql(type, value, table.decimal)})`;
}

/** Whether any text can be read as the type. */
export function isAnyText(type: TabularType): boolean {
  return type === 'text' || type === 'json';
}

/** SQL: true for a row that can be read. */
export function readableRowSql(table: TableSource): string {
  const tests = misfitTests(table).map(({ test }) => test);
  return tests.length === 0 ? 'true' : `not (${tests.join(' or ')})`;
}

/** SQL: the value of a column as its type. */
export function convertedSql(table: TableSource, column: SourceColumn, type: ColumnType): string {
  return type.type === 'text'
    ? textSql(column)
    : convertSql(type, valueSql(table, column), table.decimal, column.declared !== undefined);
}

/** SQL: how many digits the decimals of a column have before and after the point, and whether one has a point. */
export function digitsSql(
  table: TableSource,
  column: SourceColumn,
): { whole: string; scale: string; hasPoint: string } {
  const value = `trim(${valueSql(table, column)})`;
  const point = quotedString(table.decimal);
  return {
    whole: `max(length(ltrim(split_part(ltrim(${value}, '+-'), ${point}, 1), '0')))`,
    scale: `max(length(split_part(${value}, ${point}, 2)))`,
    hasPoint: `bool_or(contains(${value}, ${point}))`,
  };
}
