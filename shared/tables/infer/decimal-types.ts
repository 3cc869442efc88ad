import type { ColumnType } from '#shared/contracts/column-types.ts';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import type { LockedDatabase } from '#shared/databases/locked-duckdb.ts';
import { aggregateColumns } from './aggregate-columns.ts';
import { normalizeSql } from './notation.ts';
import { allFitSql, readableRowSql, type TextColumn, type TextTable, unreadableTests, valueSql } from './text-table.ts';

/** The limit of DuckDB and of Parquet. */
const MAX_DECIMAL_DIGITS = 38;

/** The digits of the numbers of one column. */
export interface Digits {
  /** Whether all values have the plain notation of a decimal. */
  fits: boolean;
  /** Whether a value has a decimal separator. */
  hasSeparator: boolean;
  /** The most digits before the decimal separator. */
  whole: number;
  /** The largest number of digits after the decimal separator. */
  scale: number;
}

/** Counts the digits of the columns at `indexes` in all tables. */
export async function countDigits(
  database: LockedDatabase,
  tables: readonly TextTable[],
  indexes: readonly number[],
  signal: AbortSignal,
): Promise<Map<number, Digits>> {
  const digits = new Map<number, Digits>();
  for (const table of tables) {
    const where = unreadableTests(table).length === 0 ? undefined : readableRowSql(table);
    const columns = indexes.map((index) => table.columns[index] as TextColumn);
    const found = await aggregateColumns(database, table, columns, (column) => digitsSql(table, column), signal, where);
    for (const [at, index] of indexes.entries()) {
      const before = digits.get(index) ?? { fits: true, hasSeparator: false, whole: 0, scale: 0 };
      const { fits, has_separator, whole, scale } = found[at] ?? {};
      digits.set(index, {
        fits: before.fits && fits !== false,
        hasSeparator: before.hasSeparator || has_separator === true,
        whole: Math.max(before.whole, Number(whole ?? 0)),
        scale: Math.max(before.scale, Number(scale ?? 0)),
      });
    }
  }
  return digits;
}

function digitsSql(table: TextTable, column: TextColumn): Record<string, string> {
  const value = normalizeSql('decimal', `trim(${valueSql(table, column)})`, table.notation);
  return {
    fits: allFitSql(table, column, 'decimal'),
    whole: `max(length(ltrim(split_part(ltrim(${value}, '+-'), '.', 1), '0')))`,
    scale: `max(length(split_part(${value}, '.', 2)))`,
    has_separator: `bool_or(contains(${value}, '.'))`,
  };
}

/**
 * The type of a column of decimals with these digits: decimal, or text. Whole numbers with more digits than a bigint
 * are identifiers, so they are decimals only when the manifest declares it.
 */
export function decimalType(digits: Digits | undefined, isDeclared: boolean): ColumnType {
  const { fits, hasSeparator, whole, scale } = digits ?? { fits: true, hasSeparator: false, whole: 0, scale: 0 };
  const isTooLong = whole + scale > MAX_DECIMAL_DIGITS;
  if (isTooLong || (!isDeclared && !(fits && hasSeparator))) return { type: 'text' };
  return { type: 'decimal', precision: Math.max(1, whole + scale), scale };
}

/** The note for a column that is declared decimal and became text. */
export function tooManyDigits(column: string): Note {
  return {
    code: 'DECIMAL_TOO_LONG',
    message:
      `Column ${JSON.stringify(column)} is text: its values need more than ${MAX_DECIMAL_DIGITS} digits, ` +
      'the maximum of a decimal.',
    column,
  };
}
