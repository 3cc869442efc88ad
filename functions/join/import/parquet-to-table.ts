import { pipeline } from 'node:stream/promises';
import {
  type DuckDBConnection,
  type DuckDBDataChunk,
  type DuckDBResult,
  quotedIdentifier,
  quotedString,
} from '@duckdb/node-api';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import format from 'pg-format';
import type { Column } from '#shared/contracts/shared-schemas.ts';
import { COPY_HEADER, COPY_TRAILER, type RawType } from '#shared/databases/copy-binary/copy-format.ts';
import { type LockedDatabase, resourceError } from '#shared/databases/locked-duckdb.ts';
import { statementFailure } from '#shared/errors/database-failure.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { TableSession } from '#shared/postgis/postgis.ts';
import { ignoreError } from '#shared/streams/file-streams.ts';
import { copyBytes } from './copy-bytes.ts';

/** A Parquet file in the folder of the database, and the columns that are imported. */
interface ImportSource {
  path: string;
  /** The name of the asset in messages. */
  name: string;
  columns: readonly Column[];
}

/** A table with the columns of a Parquet file. */
export interface ImportedTable {
  rowCount: number;
  /** For each requested column: SQL that returns its values with their type, over an alias of the table. */
  values: ((alias: string) => string)[];
}

/**
 * Column of an imported table: the number of the row in the file, from 1. The other columns are c0, c1, …, in the
 * requested order.
 */
export const ROW_NUMBER = 'n';

/**
 * Copies columns of a Parquet file, with their types in the ledger, to a new table of the session.
 * The file must be in the folder of `database`. 500,000 polygons take about 2 s, and memory does not grow with the
 * rows. Throws ASSET_CHANGED when the file does not have these columns, ASSET_VALUE_INVALID, EXPORT_MISMATCH when a row
 * was lost.
 */
export async function parquetToTable(
  session: TableSession,
  database: LockedDatabase,
  source: ImportSource,
  table: string,
  signal: AbortSignal,
): Promise<ImportedTable> {
  const columns = await planColumns(database, source, signal);
  await session.query(createTable(session.tables, table, columns));
  const written = await copyRows(session.client, database.connection, source, columns, table, signal);
  const [footer] = await database.query<{ rows: number }>(
    `select num_rows::double as rows from parquet_file_metadata(${quotedString(source.path)})`,
    signal,
  );
  if (written !== footer?.rows) {
    throw new SluiceError(
      'EXPORT_MISMATCH',
      `The Parquet file of ${source.name} has ${footer?.rows} rows, but ${written} were copied to PostgreSQL.`,
      { details: { file: footer?.rows, table: written } },
    );
  }
  return {
    rowCount: written,
    values: columns.map((column, index) => (alias) => column.value(format('%I.%I', alias, stagedName(index)))),
  };
}

const stagedName = (index: number): string => `c${index}`;

async function planColumns(
  database: LockedDatabase,
  { path, name, columns }: ImportSource,
  signal: AbortSignal,
): Promise<ImportColumn[]> {
  const described = await database.query<{ column_name: string; column_type: string }>(
    `select column_name, column_type from (describe select * from read_parquet(${quotedString(path)}))`,
    signal,
  );
  const types = new Map(described.map((column) => [column.column_name, column.column_type]));
  return columns.map((column) => {
    const type = types.get(column.name);
    if (type === undefined)
      throw new SluiceError(
        'ASSET_CHANGED',
        `The Parquet file of ${name} has no column ${JSON.stringify(column.name)}, which is in the ledger.`,
        { details: { column: column.name } },
      );
    return importColumn(column, type);
  });
}

function createTable(kind: TableSession['tables'], table: string, columns: readonly ImportColumn[]): string {
  return format(
    'create %s table %I (%s)',
    kind,
    table,
    [`${ROW_NUMBER} bigint`, ...columns.map(({ staged }, index) => `${stagedName(index)} ${staged}`)].join(', '),
  );
}

async function copyRows(
  client: pg.Client,
  connection: DuckDBConnection,
  source: ImportSource,
  columns: readonly ImportColumn[],
  table: string,
  signal: AbortSignal,
): Promise<number> {
  const copy = client.query(copyFrom(format('copy %I from stdin (format binary)', table))).on('error', ignoreError);
  const reading = new ChunkReader(connection, selectSql(source.path, columns));
  try {
    await pipeline(rowsOf(reading, ['BIGINT', ...columns.map(({ raw }) => raw)]), copy, { signal });
    return copy.rowCount;
  } catch (thrown) {
    signal.throwIfAborted();
    throw statementFailure(thrown) ?? invalidValue(thrown, source) ?? resourceError(thrown) ?? thrown;
  } finally {
    await reading.idle(); // The caller closes DuckDB after this.
  }
}

function selectSql(path: string, columns: readonly ImportColumn[]): string {
  const expressions = ['row_number() over ()', ...columns.map(({ source }) => source)];
  return `select ${expressions.join(', ')} from read_parquet(${quotedString(path)})`;
}

/** The rows as COPY BINARY, chunk by chunk. */
async function* rowsOf(reading: ChunkReader, columns: readonly RawType[]): AsyncGenerator<Buffer> {
  yield COPY_HEADER;
  for (;;) {
    const chunk = await reading.next();
    const bytes = chunk === null ? undefined : copyBytes(chunk.chunk, columns);
    if (bytes === undefined) break;
    yield bytes;
  }
  yield COPY_TRAILER;
}

/** Reads the chunks of a query one at a time. After the last `next`, wait for `idle` before closing the connection. */
class ChunkReader {
  #connection: DuckDBConnection;
  #sql: string;
  #result: DuckDBResult | undefined;
  #reading: Promise<DuckDBDataChunk | null> = Promise.resolve(null);

  constructor(connection: DuckDBConnection, sql: string) {
    this.#connection = connection;
    this.#sql = sql;
  }

  next(): Promise<DuckDBDataChunk | null> {
    this.#reading = this.#read();
    return this.#reading;
  }

  async idle(): Promise<void> {
    await this.#reading.catch(() => undefined);
  }

  async #read(): Promise<DuckDBDataChunk | null> {
    this.#result ??= await this.#connection.stream(this.#sql);
    return this.#result.fetchChunk();
  }
}

/** SQLSTATE class "data exception". */
const DATA_EXCEPTION = /^22/;

/** The error of a value that PostgreSQL rejects (a text with NUL, a date before 4713 BC), with row and column. */
function invalidValue(thrown: unknown, { name: asset, columns }: ImportSource): SluiceError | undefined {
  if (!(thrown instanceof pg.DatabaseError) || !DATA_EXCEPTION.test(thrown.code ?? '')) return undefined;
  const [, row, column] = /line (\d+), column c(\d+)/.exec(thrown.where ?? '') ?? [];
  const name = columns[Number(column)]?.name;
  const where = name === undefined ? asset : `Row ${row}, column ${JSON.stringify(name)} of ${asset}`;
  return new SluiceError('ASSET_VALUE_INVALID', `${where}: ${thrown.message}.`, {
    cause: thrown,
    details: name === undefined ? {} : { row: Number(row), column: name },
  });
}

/** The conversion of a column of a Parquet file to PostgreSQL, the reverse of export/export-column.ts. */
interface ImportColumn {
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
function importColumn({ name, type }: Column, fileType: string): ImportColumn {
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
