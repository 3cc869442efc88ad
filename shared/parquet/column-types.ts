import format from 'pg-format';
import type { RawColumn, RawType } from './raw-column.ts';
import type { TableColumn } from '#shared/postgis/table-columns.ts';

/** How a column travels: what PostgreSQL is asked for, as which raw type it crosses, and what DuckDB makes of it. */
export interface ExportColumn {
  name: string;
  /** SQL for PostgreSQL, over alias `t`. */
  source: string;
  raw: RawColumn;
  /** SQL for DuckDB; `raw` stands for the column as it arrived. */
  target: (raw: string) => string;
}

/** What the values of a column decide, when its type does not (column-facts.ts). */
export interface ColumnFacts {
  /** numeric: most digits before and after the point; undefined when a value is NaN or infinite, or there is no value. */
  digits?: { whole: number; scale: number } | undefined;
  /** numeric: some value is NaN or infinite. */
  special?: boolean;
  /** Arrays: most dimensions. */
  dimensions?: number;
}

/** Digits of Parquet's DECIMAL and of DuckDB's. */
const MAX_DECIMAL_DIGITS = 38;
/** Days and microseconds from 1970-01-01 to 2000-01-01, where PostgreSQL begins to count. */
const EPOCH_DAYS = 10_957;
const EPOCH_MICROSECONDS = 946_684_800_000_000n;

/** Types whose bytes are the same in PostgreSQL's binary format and in DuckDB, but for the byte order. */
const AS_IS: Record<string, RawType> = {
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
 * The export of one column. Types that Parquet does not know (interval, inet, xml, enums, …) are written as PostgreSQL's text.
 * Decimals keep every digit: as DECIMAL when 38 digits are enough, else as text. Dates and times that Parquet cannot hold
 * (infinity, and years past 294246) become null; `unrepresentable` counts them.
 */
export function exportColumn(column: TableColumn, facts: ColumnFacts = {}): ExportColumn {
  const source = format('t.%I', column.name);
  if (column.array) return listColumn(column, source, facts);
  const asIs = AS_IS[column.base];
  if (asIs !== undefined) return plain(column.name, source, asIs);
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

function listColumn(column: TableColumn, source: string, facts: ColumnFacts): ExportColumn {
  // Rows of a matrix would run together in a list.
  if ((facts.dimensions ?? 0) > 1) return plain(column.name, `${source}::text`, 'VARCHAR');
  const asIs = AS_IS[column.base];
  return {
    name: column.name,
    source: asIs === undefined ? `${source}::text[]` : source,
    raw: { type: asIs ?? 'VARCHAR', list: true },
    target: (raw) => raw,
  };
}

function decimalColumn(column: TableColumn, source: string, facts: ColumnFacts): ExportColumn {
  const digits = declaredDigits(column.type) ?? facts.digits;
  if (facts.special === true || (digits !== undefined && digits.whole + digits.scale > MAX_DECIMAL_DIGITS))
    return plain(column.name, `${source}::text`, 'VARCHAR');
  if (digits === undefined) return plain(column.name, `${source}::float8`, 'DOUBLE'); // No value, so nothing is lost.
  const type = `decimal(${Math.max(digits.whole + digits.scale, 1)}, ${digits.scale})`;
  return converted(column.name, `${source}::text`, 'VARCHAR', (raw) => `${raw}::${type}`);
}

/** Of `numeric(10,2)`: 8 digits before the point and 2 after it. Undefined for other forms, such as a negative scale. */
function declaredDigits(type: string): { whole: number; scale: number } | undefined {
  const match = /^numeric\((\d+),(\d+)\)$/.exec(type);
  const [precision, scale] = [Number(match?.[1]), Number(match?.[2])];
  return match !== null && scale <= precision ? { whole: precision - scale, scale } : undefined;
}

/** Parquet counts microseconds from 1970 in 64 bits; PostgreSQL's years reach a little further, and to infinity. */
const LAST_YEAR_END = '294247-01-01';

export const TIME_TYPES = ['date', 'timestamp', 'timestamptz'];

/** SQL that is true for a date or time that Parquet can hold. */
export function isRepresentable(source: string, type: string): string {
  return type === 'date' ? `isfinite(${source})` : `(isfinite(${source}) and ${source} < '${LAST_YEAR_END}'::${type})`;
}

function representable(source: string, type: string): string {
  return `case when ${isRepresentable(source, type)} then ${source} end`;
}
