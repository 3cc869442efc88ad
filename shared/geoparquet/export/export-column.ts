import format from 'pg-format';
import type { TableColumn } from '#shared/postgis/table-checks.ts';
import type { RawColumn, RawType } from '#shared/databases/copy-binary/copy-format.ts';

/** The conversion of a column: SQL for PostgreSQL, the type in transit, and SQL for DuckDB. */
export interface ExportColumn {
  name: string;
  /** SQL for PostgreSQL, over alias `t`. */
  source: string;
  raw: RawColumn;
  /** SQL for DuckDB; `raw` is the column in transit. */
  target: (raw: string) => string;
}

/** Properties of the values that determine the type in the file where the type of the column does not. */
export interface ExportedColumnFacts {
  /**
   * numeric: the largest number of digits before and after the point; undefined when all values are null, NaN or
   * infinite.
   */
  digits?: { whole: number; scale: number } | undefined;
  /** numeric: whether a value is NaN or infinite. */
  special?: boolean;
  /** Arrays: the largest number of dimensions. */
  dimensions?: number;
}

/** The largest precision of DECIMAL in Parquet and DuckDB. */
const MAX_DECIMAL_DIGITS = 38;
/** Days and microseconds from 1970-01-01 to 2000-01-01, which is PostgreSQL's epoch. */
const EPOCH_DAYS = 10_957;
const EPOCH_MICROSECONDS = 946_684_800_000_000n;

/** Types whose bytes are equal in PostgreSQL's binary format and in DuckDB, except for the byte order. */
const SAME_BYTES: Record<string, RawType> = {
  bool: 'BOOLEAN',
  int2: 'SMALLINT',
  int4: 'INTEGER',
  int8: 'BIGINT',
  float4: 'FLOAT',
  float8: 'DOUBLE',
  text: 'VARCHAR',
  varchar: 'VARCHAR',
  bytea: 'BLOB',
};

/**
 * The conversion of one column. Types that Parquet does not have (interval, inet, xml, enums, …) are written as
 * PostgreSQL's text. Decimals keep every digit: as DECIMAL when 38 digits are enough, else as text. Dates and times
 * that Parquet cannot represent (infinity, and years after 294246) become null.
 */
export function exportColumn(column: TableColumn, facts: ExportedColumnFacts = {}): ExportColumn {
  const source = format('t.%I', column.name);
  if (column.array) return listColumn(column, source, facts);
  const sameBytes = SAME_BYTES[column.base];
  if (sameBytes !== undefined) return plain(column.name, source, sameBytes);
  switch (column.base) {
    case 'json':
    case 'jsonb':
      return plain(column.name, `${source}::text`, 'JSON');
    case 'oid':
      return plain(column.name, `${source}::int8`, 'BIGINT');
    case 'uuid':
      return converted(column.name, `${source}::text`, 'VARCHAR', (raw) => `${raw}::uuid`);
    case 'date':
      return converted(
        column.name,
        representable(source, 'date'),
        'INTEGER',
        (raw) => `date '1970-01-01' + (${raw} + ${EPOCH_DAYS})::integer`,
      );
    case 'time':
      return converted(column.name, `${source}::text`, 'VARCHAR', (raw) => `${raw}::time`);
    case 'timestamp':
      return converted(
        column.name,
        representable(source, 'timestamp'),
        'BIGINT',
        (raw) => `make_timestamp(${raw} + ${EPOCH_MICROSECONDS})`,
      );
    case 'timestamptz':
      return converted(
        column.name,
        representable(source, 'timestamptz'),
        'BIGINT',
        (raw) => `make_timestamptz(${raw} + ${EPOCH_MICROSECONDS})`,
      );
    case 'numeric':
      return decimalColumn(column, source, facts);
    default:
      return plain(column.name, `${source}::text`, 'VARCHAR');
  }
}

function plain(name: string, source: string, type: RawType): ExportColumn {
  return { name, source, raw: { type, list: false }, target: (raw) => raw };
}

function converted(name: string, source: string, type: RawType, target: (raw: string) => string): ExportColumn {
  return { name, source, raw: { type, list: false }, target };
}

function listColumn(column: TableColumn, source: string, facts: ExportedColumnFacts): ExportColumn {
  // A list would lose the shape of a matrix.
  if ((facts.dimensions ?? 0) > 1) return plain(column.name, `${source}::text`, 'VARCHAR');
  const sameBytes = SAME_BYTES[column.base];
  return {
    name: column.name,
    source: sameBytes === undefined ? `${source}::text[]` : source,
    raw: { type: sameBytes ?? 'VARCHAR', list: true },
    target: (raw) => raw,
  };
}

function decimalColumn(column: TableColumn, source: string, facts: ExportedColumnFacts): ExportColumn {
  const digits = declaredDigits(column.type) ?? facts.digits;
  if (facts.special === true || (digits !== undefined && digits.whole + digits.scale > MAX_DECIMAL_DIGITS))
    return plain(column.name, `${source}::text`, 'VARCHAR');
  if (digits === undefined) return plain(column.name, `${source}::float8`, 'DOUBLE'); // All values are null.
  const type = `decimal(${Math.max(digits.whole + digits.scale, 1)}, ${digits.scale})`;
  return converted(column.name, `${source}::text`, 'VARCHAR', (raw) => `${raw}::${type}`);
}

/**
 * For `numeric(10,2)`: 8 digits before the point and 2 after it. Undefined for other forms, such as a negative scale.
 */
function declaredDigits(type: string): { whole: number; scale: number } | undefined {
  const match = /^numeric\((\d+),(\d+)\)$/.exec(type);
  const [precision, scale] = [Number(match?.[1]), Number(match?.[2])];
  return match !== null && scale <= precision ? { whole: precision - scale, scale } : undefined;
}

/** The limit of 64-bit microseconds since 1970, which Parquet uses. PostgreSQL supports later years. */
const LAST_YEAR_END = '294247-01-01';

export const TIME_TYPES = ['date', 'timestamp', 'timestamptz'];

/** SQL that is true for a date or time that Parquet can represent. */
export function isRepresentable(source: string, type: string): string {
  return type === 'date' ? `isfinite(${source})` : `(isfinite(${source}) and ${source} < '${LAST_YEAR_END}'::${type})`;
}

function representable(source: string, type: string): string {
  return `case when ${isRepresentable(source, type)} then ${source} end`;
}
