import { quotedIdentifier } from '@duckdb/node-api';
import type { Column } from '#shared/contracts/facts.ts';
import type { RawType } from '../copy-binary/reader.ts';

/** The conversion of a column of a Parquet file to PostgreSQL, the reverse of export/export-column.ts. */
export interface ImportColumn {
  /** SQL for DuckDB, over the columns of the file. */
  source: string;
  raw: RawType;
  /** Type of the column in the table that the rows are copied to. */
  staged: string;
  /** SQL for PostgreSQL that restores the type of the value; `staged` is the copied column. */
  value: (staged: string) => string;
}

/** Types whose bytes are equal in DuckDB and in PostgreSQL's binary format, except for the byte order. */
const SAME_BYTES: Record<string, { raw: RawType; duckdb: string }> = {
  boolean: { raw: 'BOOLEAN', duckdb: 'boolean' },
  smallint: { raw: 'SMALLINT', duckdb: 'smallint' },
  integer: { raw: 'INTEGER', duckdb: 'integer' },
  bigint: { raw: 'BIGINT', duckdb: 'bigint' },
  real: { raw: 'FLOAT', duckdb: 'float' },
  'double precision': { raw: 'DOUBLE', duckdb: 'double' },
  text: { raw: 'VARCHAR', duckdb: 'varchar' },
  bytea: { raw: 'BLOB', duckdb: 'blob' },
};

/** Days of a date, and microseconds of a timestamp, since 2000-01-01, which is PostgreSQL's epoch. */
const SINCE_2000: Record<string, { raw: RawType; source: (column: string) => string }> = {
  date: { raw: 'INTEGER', source: (column) => `(${column}::date - date '2000-01-01')::integer` },
  'timestamp without time zone': {
    raw: 'BIGINT',
    source: (column) => `epoch_us(${column}::timestamp) - epoch_us(timestamp '2000-01-01')`,
  },
  'timestamp with time zone': {
    raw: 'BIGINT',
    source: (column) => `epoch_us(${column}::timestamptz) - epoch_us(timestamptz '2000-01-01 00:00:00+00')`,
  },
};

/**
 * Types that are copied as text and then cast. All other types remain text, because they may not exist in this
 * database.
 */
const FROM_TEXT =
  /^(numeric(\(\d+,-?\d+\))?|character varying(\(\d+\))?|character\(\d+\)|jsonb?|uuid|time(\(\d\))? without time zone|interval)$/;

/**
 * The conversion of one column, from its type in the ledger and its type in the file. Geometries are WKB without an
 * SRID. All dates and times of the file exist in PostgreSQL, because the export replaced the others by null.
 */
export function importColumn({ name, type }: Column, fileType: string): ImportColumn {
  const column = quotedIdentifier(name);
  const same = (staged: string) => staged;
  if (type === 'geometry') return { source: column, raw: 'BLOB', staged: 'geometry', value: same };
  const sameBytes = SAME_BYTES[type];
  if (sameBytes !== undefined)
    return { source: `${column}::${sameBytes.duckdb}`, raw: sameBytes.raw, staged: type, value: same };
  const time = SINCE_2000[withoutPrecision(type)];
  if (time !== undefined) return { source: time.source(column), raw: time.raw, staged: type, value: same };
  const source = fileType.endsWith('[]') ? arrayText(column, fileType) : `${column}::varchar`;
  const value = isRestorable(type) ? (staged: string) => `${staged}::${type}` : same;
  return { source, raw: 'VARCHAR', staged: 'text', value };
}

/** Whether PostgreSQL can cast text to the type; for an array, to the type of its elements. */
function isRestorable(type: string): boolean {
  const element = type.replace(/\[\]$/, '');
  if (FROM_TEXT.test(element)) return true;
  return element !== type && (element in SAME_BYTES || withoutPrecision(element) in SINCE_2000);
}

/** `timestamp(3) without time zone` without the `(3)`. */
function withoutPrecision(type: string): string {
  return type.replace(/\(\d\)/, '');
}

/**
 * A list in PostgreSQL's array syntax (documentation of arrays, "Array Input and Output Syntax"), with quoted elements.
 */
function arrayText(column: string, fileType: string): string {
  const text = fileType === 'BLOB[]' ? String.raw`'\x' || hex(e)` : 'e::varchar';
  const quoted = String.raw`'"' || replace(replace(${text}, '\', '\\'), '"', '\"') || '"'`;
  return `'{' || array_to_string(list_transform(${column}, lambda e: coalesce(${quoted}, 'NULL')), ',') || '}'`;
}
