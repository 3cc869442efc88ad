import format from 'pg-format';
import { type ColumnClass, classOf } from './column-class.ts';
import { columnSql } from './step.ts';
import type { TableColumn } from '#shared/postgis/table-columns.ts';

/** Types that a column can be cast to, by the names that manifests use for tables too. */
export const CAST_TYPES = [
  'text',
  'boolean',
  'bigint',
  'double',
  'decimal',
  'date',
  'timestamp',
  'timestamptz',
] as const;
export type CastType = (typeof CAST_TYPES)[number];

/** The same in PostgreSQL. */
const POSTGRES: Record<CastType, Omit<TableColumn, 'name' | 'array'>> = {
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

/** Texts that are dates and times: year first, for in 01/02/2025 nobody knows which one is the month. */
const ISO_TIME = String.raw`^\s*\d{4}-\d{2}-\d{2}([T ].*)?$`;

/** The column after the cast. */
export function castColumn(name: string, to: CastType): TableColumn {
  return { name, array: false, ...POSTGRES[to] };
}

/** SQL over alias `t` for the values of a column as another type; undefined when there is no such cast. `nullValues` are texts that mean "no value". */
export function castSql(column: TableColumn, to: CastType, nullValues: readonly string[]): string | undefined {
  const value = columnSql(column.name);
  const cast = converted(value, classOf(column), to);
  if (cast === undefined || nullValues.length === 0) return cast;
  return `case when ${trimmed(value)} = any (${textArray(nullValues)}) then null else ${cast} end`;
}

/** Whether a cast reads dates from texts, which must then be written as ISO 8601 does. */
export function readsDates(column: TableColumn, to: CastType): boolean {
  return classOf(column) === 'text' && TIMES.includes(to as ColumnClass);
}

/** SQL that is true for a text that is neither empty, nor a null value, nor written as a date. */
export function isNoDate(column: TableColumn, nullValues: readonly string[]): string {
  const value = trimmed(columnSql(column.name));
  return format('%1$s <> %2$L and not %1$s = any (%3$s) and %1$s !~ %4$L', value, '', textArray(nullValues), ISO_TIME);
}

function trimmed(value: string): string {
  return format('btrim(%s::text, %L)', value, ' \t\r\n');
}

function textArray(texts: readonly string[]): string {
  return `array[${texts.map((text) => format('%L', text.trim())).join(', ')}]::text[]`;
}

function converted(value: string, from: ColumnClass, to: CastType): string | undefined {
  const { type } = POSTGRES[to];
  if (to === 'text') return `${value}::text`;
  switch (from) {
    case 'text':
      return `nullif(${trimmed(value)}, '')::${type}`;
    case 'integer':
      // 0 and 1 are read as texts: other numbers are no booleans.
      return to === 'boolean'
        ? `${value}::text::boolean`
        : TIMES.includes(to as ColumnClass)
          ? undefined
          : `${value}::${type}`;
    case 'float':
    case 'decimal':
      if (TIMES.includes(to as ColumnClass)) return undefined;
      if (to === 'boolean') return `${value}::text::boolean`;
      // A fraction is an error, which its text makes: PostgreSQL would round.
      if (to === 'bigint')
        return `case when ${value} = trunc(${value}) then ${value}::bigint else ${value}::text::bigint end`;
      // By way of the text, which holds every digit of the number and no others.
      return to === 'decimal' && from === 'float' ? `${value}::text::numeric` : `${value}::${type}`;
    case 'boolean':
      return to === 'boolean' ? value : TIMES.includes(to as ColumnClass) ? undefined : `${value}::int::${type}`;
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return TIMES.includes(to as ColumnClass) ? `${value}::${type}` : undefined;
    case 'other':
      return undefined;
  }
}
