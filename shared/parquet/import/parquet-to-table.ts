import { type DuckDBConnection, type DuckDBDataChunk, type DuckDBResult, quotedString } from '@duckdb/node-api';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import format from 'pg-format';
import { pipeline } from 'node:stream/promises';
import { resourceError, type LockedDatabase } from '#shared/duckdb/locked-database.ts';
import { statementFailure } from '#shared/errors/database-failure.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Column } from '#shared/contracts/facts.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { ignoreError } from '#shared/text/file-streams.ts';
import { COPY_HEADER, COPY_TRAILER, copyBytes } from '../copy-binary/writer.ts';
import { importColumn, type ImportColumn } from './import-column.ts';
import type { RawType } from '../copy-binary/reader.ts';

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
 * Copies columns of a Parquet file, with their types in the ledger, to a new unlogged table of the session's schema.
 * The file must be in the folder of `database`. 500,000 polygons take about 2 s, and memory does not grow with the
 * rows. Throws ASSET_CHANGED when the file does not have these columns, ASSET_VALUE_INVALID, EXPORT_MISMATCH when a row
 * was lost.
 */
export async function parquetToTable(
  session: PostgisSession,
  database: LockedDatabase,
  source: { path: string; columns: readonly Column[] },
  table: string,
  signal: AbortSignal,
): Promise<ImportedTable> {
  const columns = await planColumns(database, source, signal);
  await session.query(createTable(table, columns));
  const written = await copyRows(session.client, database.connection, source, columns, table, signal);
  const [footer] = await database.query<{ rows: number }>(
    `select num_rows::double as rows from parquet_file_metadata(${quotedString(source.path)})`,
    signal,
  );
  if (written !== footer?.rows) {
    throw new SluiceError(
      'EXPORT_MISMATCH',
      `The Parquet file has ${footer?.rows} rows, but ${written} were copied to PostgreSQL.`,
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
  { path, columns }: { path: string; columns: readonly Column[] },
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
        `The Parquet file has no column ${JSON.stringify(column.name)}, which is in the ledger.`,
        { details: { column: column.name } },
      );
    return importColumn(column, type);
  });
}

function createTable(table: string, columns: readonly ImportColumn[]): string {
  return format(
    'create unlogged table %I (%s)',
    table,
    [`${ROW_NUMBER} bigint`, ...columns.map(({ staged }, index) => `${stagedName(index)} ${staged}`)].join(', '),
  );
}

async function copyRows(
  client: pg.Client,
  connection: DuckDBConnection,
  source: { path: string; columns: readonly Column[] },
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
    throw statementFailure(thrown) ?? invalidValue(thrown, source.columns) ?? resourceError(thrown) ?? thrown;
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
function invalidValue(thrown: unknown, columns: readonly Column[]): SluiceError | undefined {
  if (!(thrown instanceof pg.DatabaseError) || !DATA_EXCEPTION.test(thrown.code ?? '')) return undefined;
  const [, row, column] = /line (\d+), column c(\d+)/.exec(thrown.where ?? '') ?? [];
  const name = columns[Number(column)]?.name;
  const where = name === undefined ? '' : `Row ${row}, column ${JSON.stringify(name)}: `;
  return new SluiceError('ASSET_VALUE_INVALID', `${where}${thrown.message}.`, {
    cause: thrown,
    details: name === undefined ? {} : { row: Number(row), column: name },
  });
}
