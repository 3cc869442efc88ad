/** Types that a manifest can declare for the columns of a table, and to which a recipe can cast columns. */
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
export type DeclarableType = (typeof DECLARABLE_TYPES)[number];

/** The type of the values of a column that is read from text. `json` is for objects and lists of JSON lines. */
export type ValueType = DeclarableType | 'json';

/** The type of a column; `decimal` has a precision and a scale. */
export interface ColumnType {
  type: ValueType;
  precision?: number;
  scale?: number;
}

/** The decimal separator of numbers. */
export type DecimalSeparator = '.' | ',';

/** Ways to write a date that cannot be distinguished without a declaration. Days and months have one or two digits. */
export const DATE_FORMATS = [
  'DD.MM.YYYY',
  'DD/MM/YYYY',
  'MM/DD/YYYY',
  'DD-MM-YYYY',
  'MM-DD-YYYY',
  'YYYY/MM/DD',
  'YYYY.MM.DD',
  'YYYYMMDD',
] as const;
export type DateFormat = (typeof DATE_FORMATS)[number];

export const THOUSANDS_SEPARATORS = [',', '.', ' ', "'"] as const;
export type ThousandsSeparator = (typeof THOUSANDS_SEPARATORS)[number];

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
