import { type DuckDBConnection, quotedIdentifier, quotedString, version } from '@duckdb/node-api';
import { openLockedDatabase, resourceError } from '#shared/databases/locked-duckdb.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { RingReader } from './byte-ring.ts';
import { CopyBinaryReader } from '#shared/databases/copy-binary/reader.ts';
import type { ParquetJob, ParquetResult, WorkerReply } from './worker-pool.ts';
import { ROWS_FUNCTION, rowsFunction } from './rows-function.ts';

/**
 * The task of the worker thread. Without a job it only loads the modules. An error is returned, because it is copied.
 */
export default async function executeJob(job: ParquetJob | null): Promise<WorkerReply | null> {
  if (job === null) return null;
  try {
    return { ok: true, result: await writeParquet(job) };
  } catch (thrown) {
    return { ok: false, error: asSluiceError(thrown).toDocument() };
  }
}

/** The default level of zstd. Level 15 saves less than 1 % and takes 5 to 10 times as long. */
const ZSTD_LEVEL = 3;
/**
 * Rows in a row group, a multiple of DuckDB's chunk. A reader of a small area fetches whole row groups, and the writer
 * holds one in memory: the peak was 70, 100 and 140 MB above that of a small file with 10,240, 20,480 and 50,000 rows.
 * The size of the file did not change.
 */
const ROW_GROUP_ROWS = 16_384;
/** Bytes in a row group. Limits the memory for large geometries. */
const ROW_GROUP_BYTES = 32 * 2 ** 20;

/**
 * Writes the rows from the ring to a Parquet file. Blocks its thread while it waits for rows. Throws EXPORT_MISMATCH,
 * DISK_FULL.
 */
export async function writeParquet(job: ParquetJob): Promise<ParquetResult> {
  // One thread keeps the order of the rows, so that the same rows result in the same bytes. preserveOrder would do so
  // too, but disables the limit of a row group in bytes.
  using database = await openLockedDatabase(job.folder, { threads: 1, preserveOrder: false });
  const { connection } = database;
  const failure: { reason?: unknown } = {};
  connection.registerTableFunction(rowsFunction(job.columns, new CopyBinaryReader(blockingRead(job.ring)), failure));
  try {
    await connection.run(copyStatement(job));
  } catch (thrown) {
    throw failure.reason ?? resourceError(thrown) ?? thrown;
  }
  return { row_count: await readRowCount(connection, job.path), duckdb: version() };
}

function copyStatement(job: ParquetJob): string {
  const columns = job.select.map(({ expression, name }) => `${expression} as ${quotedIdentifier(name)}`);
  const metadata = Object.entries(job.metadata).map(
    ([key, value]) => `${quotedIdentifier(key)}: ${quotedString(value)}`,
  );
  const options = [
    'format parquet',
    'compression zstd',
    `compression_level ${ZSTD_LEVEL}`,
    `row_group_size ${ROW_GROUP_ROWS}`,
    `row_group_size_bytes ${ROW_GROUP_BYTES}`,
    ...(metadata.length > 0 ? [`kv_metadata {${metadata.join(', ')}}`] : []),
  ];
  return `copy (select ${columns.join(', ')} from ${ROWS_FUNCTION}())
    to ${quotedString(job.path)} (${options.join(', ')})`;
}

/** Reads the footer of the file. */
async function readRowCount(connection: DuckDBConnection, path: string): Promise<number> {
  const reader = await connection.runAndReadAll(
    `select num_rows::double from parquet_file_metadata(${quotedString(path)})`,
  );
  return reader.getRows()[0]?.[0] as number;
}

function blockingRead(ring: SharedArrayBuffer): (target: Uint8Array) => number {
  const reader = new RingReader(ring);
  return (target) => {
    const count = reader.read(target);
    if (count === 'broken') throw new SluiceError('CANCELED', 'The export was interrupted before the last row.');
    return count;
  };
}
