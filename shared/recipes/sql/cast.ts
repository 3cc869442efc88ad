import format from 'pg-format';
import type { DeclarableType } from '#shared/contracts/column-types.ts';
import { type ColumnClass, classOf } from './column-class.ts';
import { columnSql } from './select.ts';
import type { TableColumn } from '#shared/postgis/table-checks.ts';

/** The PostgreSQL type for each type that a manifest can declare. */
const POSTGRES: Record<DeclarableType, Omit<TableColumn, 'name' | 'array'>> = {
  text: { type: 'text', base: 'text' },
  boolean: { type: 'boolean', base: 'bool' },
  bigint: { type: 'bigint', base: 'int8' },
  double: { type: 'double precision', base: 'float8' },
  decimal: { type: 'numeric', base: 'numeric' },
  date: { type: 'date', base: 'date' },
  timestamp: { type: 'timestamp without time zone', base: 'timestamp' },
  timestamptz: { type: 'timestamp with time zone', base: 'timestamptz' },
};
const TIMES: readonly ColumnClass[] = ['date', 'timestamp', 'timestamptz'];

/** Dates and times with the year first. Other forms, such as 01/02/2025, are ambiguous. */
const ISO_TIME = String.raw`^\s*\d{4}-\d{2}-\d{2}([T ].*)?$`;

/** The description of the column after the cast. */
export function castColumn(name: string, to: DeclarableType): TableColumn {
  return { name, array: false, ...POSTGRES[to] };
}

/**
 * SQL over alias `t` that casts a column; undefined when the cast is not supported. A text that is in `nullValues`
 * becomes null.
 */
export function castSql(column: TableColumn, to: DeclarableType, nullValues: readonly string[]): string | undefined {
  const value = columnSql(column.name);
  const cast = convert(value, classOf(column), to);
  if (cast === undefined || nullValues.length === 0) return cast;
  return `case when ${trimmed(value)} = any (${textArray(nullValues)}) then null else ${cast} end`;
}

/** Whether a cast parses dates from text. Such text must have the form of ISO 8601. */
export function parsesDates(column: TableColumn, to: DeclarableType): boolean {
  return classOf(column) === 'text' && isTime(to);
}

/** SQL that is true for a text that is not empty, not a null value and not in the form of ISO 8601. */
export function isNoDate(column: TableColumn, nullValues: readonly string[]): string {
  const value = trimmed(columnSql(column.name));
  return format('%1$s <> %2$L and not %1$s = any (%3$s) and %1$s !~ %4$L', value, '', textArray(nullValues), ISO_TIME);
}

function isTime(type: DeclarableType): boolean {
  return TIMES.includes(type as ColumnClass);
}

function trimmed(value: string): string {
  return format('btrim(%s::text, %L)', value, ' \t\r\n');
}

function textArray(texts: readonly string[]): string {
  return `array[${texts.map((text) => format('%L', text.trim())).join(', ')}]::text[]`;
}

function convert(value: string, from: ColumnClass, to: DeclarableType): string | undefined {
  const { type } = POSTGRES[to];
  if (to === 'text') return `${value}::text`;
  switch (from) {
    case 'text':
      return `nullif(${trimmed(value)}, '')::${type}`;
    case 'integer':
      if (isTime(to)) return undefined;
      // The text cast accepts 0 and 1 only. PostgreSQL's cast from integer accepts every number.
      return to === 'boolean' ? `${value}::text::boolean` : `${value}::${type}`;
    case 'float':
    case 'decimal':
      return isTime(to) ? undefined : convertFraction(value, from, to);
    case 'boolean':
      if (isTime(to)) return undefined;
      return to === 'boolean' ? value : `${value}::int::${type}`;
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return isTime(to) ? `${value}::${type}` : undefined;
    case 'other':
      return undefined;
  }
}

function convertFraction(value: string, from: 'float' | 'decimal', to: DeclarableType): string {
  if (to === 'boolean') return `${value}::text::boolean`;
  // The text cast fails on a fraction. PostgreSQL's cast from a float would round it.
  if (to === 'bigint')
    return `case when ${value} = trunc(${value}) then ${value}::bigint else ${value}::text::bigint end`;
  // The text has exactly the digits of the float. PostgreSQL's cast to numeric keeps 15 of them.
  return to === 'decimal' && from === 'float' ? `${value}::text::numeric` : `${value}::${POSTGRES[to].type}`;
}
