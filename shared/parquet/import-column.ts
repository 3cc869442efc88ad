import { quotedIdentifier } from '@duckdb/node-api';
import type { RawType } from './raw-column.ts';
import type { Column } from '#shared/contracts/facts.ts';

/** How a column of a Parquet file becomes a column of PostgreSQL again: the way back of column-types.ts. */
export interface ImportColumn {
  /** SQL for DuckDB, over the columns of the file. */
  source: string;
  raw: RawType;
  /** Type in the table that the rows are copied to. */
  staged: string;
  /** SQL for PostgreSQL that gives the value its type again; `staged` stands for the column as it was copied. */
  value: (staged: string) => string;
}

/** Types whose bytes are the same in DuckDB and in PostgreSQL's binary format, but for the byte order. */
const AS_IS: Record<string, { raw: RawType; duckdb: string }> = {
  boolean: { raw: 'BOOLEAN', duckdb: 'boolean' },
  smallint: { raw: 'SMALLINT', duckdb: 'smallint' },
  integer: { raw: 'INTEGER', duckdb: 'integer' },
  bigint: { raw: 'BIGINT', duckdb: 'bigint' },
  real: { raw: 'FLOAT', duckdb: 'float' },
  'double precision': { raw: 'DOUBLE', duckdb: 'double' },
  text: { raw: 'VARCHAR', duckdb: 'varchar' },
  bytea: { raw: 'BLOB', duckdb: 'blob' },
};

/** Days of a date, and microseconds of the two timestamps, since 2000-01-01, where PostgreSQL begins to count. */
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

/** Types that travel as text, and are made again of it. What is not here is kept as text: its type may belong to another database. */
const FROM_TEXT =
  /^(numeric(\(\d+,-?\d+\))?|character varying(\(\d+\))?|character\(\d+\)|jsonb?|uuid|time(\(\d\))? without time zone|interval)$/;

/**
 * The way of one column, by the type that the ledger remembers and the type that it has in the file. Geometries come as WKB, without an SRID.
 * The file holds dates and times that both know (column-types.ts made the others null).
 */
export function importColumn({ name, type }: Column, fileType: string): ImportColumn {
  const column = quotedIdentifier(name);
  const same = (staged: string) => staged;
  if (type === 'geometry') return { source: column, raw: 'BLOB', staged: 'geometry', value: same };
  const asIs = AS_IS[type];
  if (asIs !== undefined) return { source: `${column}::${asIs.duckdb}`, raw: asIs.raw, staged: type, value: same };
  const time = SINCE_2000[withoutPrecision(type)];
  if (time !== undefined) return { source: time.source(column), raw: time.raw, staged: type, value: same };
  const source = fileType.endsWith('[]') ? arrayText(column, fileType) : `${column}::varchar`;
  return { source, raw: 'VARCHAR', staged: 'text', value: isMade(type) ? (staged) => `${staged}::${type}` : same };
}

/** Whether PostgreSQL can make the type of text; of arrays, what it can make the elements of. */
function isMade(type: string): boolean {
  const element = type.replace(/\[\]$/, '');
  return FROM_TEXT.test(element) || (element !== type && (element in AS_IS || withoutPrecision(element) in SINCE_2000));
}

/** `timestamp(3) without time zone` without the `(3)`. */
function withoutPrecision(type: string): string {
  return type.replace(/\(\d\)/, '');
}

/** A list as PostgreSQL writes arrays (documentation of arrays, "Array Input and Output Syntax"), each element quoted. */
function arrayText(column: string, fileType: string): string {
  const text = fileType === 'BLOB[]' ? String.raw`'\x' || hex(e)` : 'e::varchar';
  const quoted = String.raw`'"' || replace(replace(${text}, '\', '\\'), '"', '\"') || '"'`;
  return `'{' || array_to_string(list_transform(${column}, lambda e: coalesce(${quoted}, 'NULL')), ',') || '}'`;
}
