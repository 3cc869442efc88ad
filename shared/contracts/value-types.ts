/** Types that a manifest can declare for the columns of a table. */
export const DECLARABLE_TYPES = [
  'text',
  'boolean',
  'bigint',
  'double',
  'decimal',
  'date',
  'timestamp',
  'timestamptz',
] as const;

/** The type of the values of a column that is read from text. `json` is for objects and lists of JSON lines. */
export type ValueType = (typeof DECLARABLE_TYPES)[number] | 'json';

/** The type of a column; `decimal` has a precision and a scale. */
export interface ColumnType {
  type: ValueType;
  precision?: number;
  scale?: number;
}

/** The decimal separator of numbers. */
export type DecimalSeparator = '.' | ',';

/** The name of a type in the ledger, as PostgreSQL's format_type() writes it. */
export function ledgerType({ type, precision, scale }: ColumnType): string {
  switch (type) {
    case 'double':
      return 'double precision';
    case 'decimal':
      return `numeric(${precision},${scale})`;
    case 'timestamp':
      return 'timestamp without time zone';
    case 'timestamptz':
      return 'timestamp with time zone';
    default:
      return type;
  }
}
