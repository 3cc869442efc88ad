import { statSync } from 'node:fs';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { isDiskFull } from '#shared/errors/system-failure.ts';
import { CopyRows } from './copy-rows.ts';
import {
  type RowColumn,
  type RowType,
  type TableReader,
  type TimeType,
  UnreadableRows,
  writeTime,
} from './table-reader.ts';
import { ewkbOfBlob } from './sqlite-blob.ts';
import { decideColumn, quotedSqlite, type SqliteField, type StorageFacts, storageFacts } from './sqlite-columns.ts';

/** What to read of an SQLite database. */
export interface SqliteJob {
  kind: 'sqlite';
  path: string;
  file: string;
  table: string;
  geometry: string;
  /** The column of the integer key, if the table has one. */
  key: string | undefined;
  /** The columns with the types that GDAL derives from their declarations. */
  fields: SqliteField[];
  /** Names of the geometry columns that are not loaded. */
  dropped: string[];
  srid: number;
}

type Value = SQLOutputValue;
type Write = (rows: CopyRows, value: Value) => void;

/**
 * Reads a table of an SQLite database without GDAL, which reads each column as its declared type. The rows have the
 * order of the table. A blob that is not a geometry becomes null (see removeUnreadable).
 */
export function readSqlite(job: SqliteJob): TableReader {
  const database = openDatabase(job.path);
  try {
    return openTable(database, job);
  } catch (thrown) {
    database.close();
    throw sqliteError(thrown, job.file);
  }
}

function openTable(database: DatabaseSync, { file, table, geometry, fields, srid }: SqliteJob): TableReader {
  const facts = storageFacts(database, table, fields);
  const decided = fields.map((field, index) => decideColumn(field, facts[index]!, file));
  const columns = decided.map(({ column }) => column);
  const unreadable = new UnreadableRows();
  return {
    columns,
    notes: decided.flatMap(({ notes }): Note[] => notes),
    blocks: (blockBytes) =>
      readRows(database, { table, geometry, fields, columns, facts, srid, file, blockBytes, unreadable }),
    unreadable,
    close: () => database.close(),
  };
}

interface RowsOptions {
  table: string;
  geometry: string;
  fields: readonly SqliteField[];
  columns: readonly RowColumn[];
  facts: readonly StorageFacts[];
  srid: number;
  file: string;
  blockBytes: number;
  unreadable: UnreadableRows;
}

function* readRows(database: DatabaseSync, options: RowsOptions): Generator<Uint8Array<ArrayBuffer>> {
  const { table, geometry, fields, columns, facts, srid, blockBytes, unreadable } = options;
  const isUtf8 = database.prepare('pragma encoding').get()?.encoding === 'UTF-8';
  const select = [
    quotedSqlite(geometry),
    ...columns.map(({ type }, index) => expression(quotedSqlite(fields[index]!.column), type, isUtf8)),
  ];
  const statement = database.prepare(`select ${select.join(', ')} from ${quotedSqlite(table)}`);
  statement.setReturnArrays(true);
  // 64-bit integers are slower to read, so they are requested only where they occur.
  statement.setReadBigInts(facts.some(({ low, high }) => !isSafe(low) || !isSafe(high)));
  const writers = columns.map(({ type }) => writerOf(type));
  const rows = new CopyRows();
  let number = 0;
  try {
    for (const row of statement.iterate() as Iterable<unknown> as Iterable<Value[]>) {
      rows.startRow(columns.length + 2);
      rows.int64(++number);
      const shape = row[0] instanceof Uint8Array ? ewkbOfBlob(row[0], srid) : undefined;
      if (shape === undefined && row[0] !== null) unreadable.add(number);
      if (shape === undefined) rows.null();
      else rows.bytes(shape);
      for (const [index, write] of writers.entries()) {
        const value = row[index + 1] ?? null;
        if (value === null) rows.null();
        else write(rows, value);
      }
      if (rows.size >= blockBytes) yield rows.take();
    }
  } catch (thrown) {
    throw sqliteError(thrown, options.file);
  }
  yield rows.take();
}

/** An error of SQLite as an error of the file; other errors are not changed. */
function sqliteError(thrown: unknown, file: string): unknown {
  if (!(thrown instanceof Error) || (thrown as { code?: string }).code !== 'ERR_SQLITE_ERROR') return thrown;
  if (isDiskFull(thrown)) return thrown;
  if ((thrown as { errcode?: number }).errcode === SQLITE_TOOBIG)
    return new SluiceError(
      'FILE_TOO_LARGE',
      `A computed column of ${file} returns values that are longer than the file. Remove the column.`,
      { cause: thrown, details: { file } },
    );
  return new SluiceError(
    'FILE_UNREADABLE',
    `${file} is a damaged SQLite database: ${thrown.message}. Export it again.`,
    { cause: thrown, details: { file } },
  );
}

/** SQLite's result code for a value that exceeds the limit of a connection. */
const SQLITE_TOOBIG = 18;

/**
 * Opens an untrusted database (SQLite's page "Defense Against The Dark Arts"). No stored value is longer than the file;
 * a generated column could be.
 */
function openDatabase(path: string): DatabaseSync {
  const length = statSync(path).size;
  const database = new DatabaseSync(path, { readOnly: true, allowExtension: false, limits: { length } });
  database.exec('pragma trusted_schema = off; pragma cell_size_check = on; pragma mmap_size = 0');
  return database;
}

function isSafe(value: bigint): boolean {
  return value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER;
}

/**
 * SQL of a column. Texts are read as bytes, so that PostgreSQL checks their encoding; SQLite has no check. Only numbers
 * and texts together need the text of each value.
 */
function expression(column: string, type: RowType, isUtf8: boolean): string {
  if (type !== 'character varying' || !isUtf8) return column;
  return `case typeof(${column}) when 'text' then cast(${column} as blob) else ${column} end`;
}

function writerOf(type: RowType): Write {
  switch (type) {
    case 'boolean':
      return orNull((rows, value) => rows.boolean(Number(value) !== 0));
    case 'smallint':
      return orNull((rows, value) => rows.int16(Number(value)));
    case 'integer':
      return orNull((rows, value) => rows.int32(Number(value)));
    case 'bigint':
      return orNull((rows, value) => rows.int64(value as number | bigint));
    case 'real':
      return orNull((rows, value) => rows.float32(Number(value)));
    case 'double precision':
      return orNull((rows, value) => rows.float64(Number(value)));
    case 'bytea':
      return (rows, value) => (value === '' ? rows.null() : rows.bytes(value as Uint8Array));
    case 'character varying':
      return (rows, value) => (value instanceof Uint8Array ? rows.bytes(value) : rows.text(String(value)));
    default:
      return (rows, value) => (value === '' ? rows.null() : writeTime(rows, type as TimeType, String(value)));
  }
}

/** A number; an empty text is a missing one. */
function orNull(write: Write): Write {
  return (rows, value) => (value === '' ? rows.null() : write(rows, value));
}
