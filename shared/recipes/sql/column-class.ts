import type { TableColumn } from '#shared/postgis/table-checks.ts';

/** Groups of types whose values the same operations accept. */
export type ColumnClass =
  'text' | 'integer' | 'float' | 'decimal' | 'boolean' | 'date' | 'timestamp' | 'timestamptz' | 'other';

const CLASSES: Readonly<Record<string, ColumnClass>> = {
  text: 'text',
  varchar: 'text',
  bpchar: 'text',
  int2: 'integer',
  int4: 'integer',
  int8: 'integer',
  float4: 'float',
  float8: 'float',
  numeric: 'decimal',
  bool: 'boolean',
  date: 'date',
  timestamp: 'timestamp',
  timestamptz: 'timestamptz',
};

/** The class of a column. Arrays, JSON, bytes, times of day and all other types are `other`. */
export function classOf(column: TableColumn): ColumnClass {
  return (column.array || !Object.hasOwn(CLASSES, column.base) ? undefined : CLASSES[column.base]) ?? 'other';
}
