import { quotedString } from '@duckdb/node-api';
import { ESCAPE_TEXT, ESCAPED } from '../staged-form.ts';
import type { Notation } from './notation.ts';
import { convertSql, fitsSql, readableSql } from './value-sql.ts';
import { acceptsAnyText } from './value-types.ts';
import type { ColumnType, ValueType } from '#shared/contracts/column-types.ts';
import type { RejectedRows } from '../row-writer.ts';

/** A column of a file whose type is not decided yet. */
export interface TextColumn {
  /** Name of the column in the asset. */
  name: string;
  /** The position in the file. The column is `c0`, `c1`, … in SQL. */
  position: number;
  /** The type that the manifest declares. Rows whose value cannot be read as this type are rejected. */
  declared?: ValueType | undefined;
  /** The type that the source gives to all values of the column. alignTables decides whether all files have it. */
  fixed?: ValueType | undefined;
  /** Whether a declared double must be finite, because it is a coordinate. */
  isFinite?: boolean;
  /** Without a declared type: the types that the first values allow. Empty for text. */
  candidates: readonly ValueType[];
  /** Whether a value of the column has an escape. */
  escaped: boolean;
  /** Whether a value of the column begins or ends with a space. False when it is not set. */
  padded?: boolean;
  /** True when all values can be read as the declared type. */
  isReadable?: boolean;
}

/** A table that DuckDB reads as text. */
export interface TextTable {
  columns: TextColumn[];
  /** SQL after FROM: the rows, as `line`, and `c0`, `c1`, … as text. */
  rowsSql: string;
  /** SQL after FROM: one row for each value, as `c0` with the `position` of its column. */
  valuesSql: string;
  rowCount: number;
  notation: Notation;
  /** Texts that mean "no value" in columns that are not text. */
  nullValues: readonly string[];
  rejected: RejectedRows;
}

/** SQL: the text of a column, without escapes. */
export function textSql({ position, escaped }: Pick<TextColumn, 'position' | 'escaped'>): string {
  const staged = `c${position}`;
  if (!escaped) return staged;
  return ESCAPED.reduce(
    (sql, { letter, text }) => `replace(${sql}, ${quotedString(ESCAPE_TEXT + letter)}, ${quotedString(text)})`,
    staged,
  );
}

/**
 * SQL: the text of a column whose type is not text, without spaces around it. An empty text is null, even when it is
 * quoted in the file.
 */
export function valueSql(table: Pick<TextTable, 'nullValues'>, column: TextColumn): string {
  const isPadded = column.padded === true;
  const text = isPadded ? `trim(${textSql(column)})` : textSql(column);
  const nulls = [...(column.escaped || isPadded ? [''] : []), ...table.nullValues];
  if (nulls.length === 0) return text;
  return `case when ${text} in (${nulls.map(quotedString).join(', ')}) then null else ${text} end`;
}

/** SQL: whether all values of a column have the plain notation of a type; true when there are no values. */
export function allFitSql(table: TextTable, column: TextColumn, type: ValueType): string {
  const value = valueSql(table, column);
  return `bool_and(${value} is null or coalesce(${fitsSql(type, value, table.notation)}, false))`;
}

/** SQL: whether all values of a column can be read as its declared type; true when there are no values. */
export function allReadableSql(table: TextTable, column: TextColumn, type: ValueType): string {
  const value = valueSql(table, column);
  return `bool_and(${value} is null or ${readableColumnSql(table, column, type, value)})`;
}

function readableColumnSql(table: TextTable, { isFinite }: TextColumn, type: ValueType, value: string): string {
  const readable = readableSql(type, value, table.notation);
  // Of the texts of a double, only inf and nan have an n.
  return isFinite === true ? `(${readable} and not contains(lower(${value}), 'n'))` : readable;
}

/**
 * A test for each declared column that may need one: true for a row whose value cannot be read as the declared type.
 */
export function unreadableTests(table: TextTable): { column: TextColumn; value: string; test: string }[] {
  return table.columns.flatMap((column) => {
    if (column.isReadable === true || column.declared === undefined || acceptsAnyText(column.declared)) return [];
    const value = valueSql(table, column);
    const isReadable = readableColumnSql(table, column, column.declared, value);
    return [{ column, value, test: `(${value} is not null and not ${isReadable})` }];
  });
}

/** SQL: true for a row that can be read. */
export function readableRowSql(table: TextTable): string {
  const tests = unreadableTests(table).map(({ test }) => test);
  return tests.length === 0 ? 'true' : `not (${tests.join(' or ')})`;
}

/** SQL: the value of a column, converted to its type. */
export function convertedSql(table: TextTable, column: TextColumn, type: ColumnType): string {
  if (type.type === 'text') return textSql(column);
  return convertSql(type, valueSql(table, column), table.notation, column.declared !== undefined);
}
