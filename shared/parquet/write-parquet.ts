import { type DuckDBConnection, quotedIdentifier, quotedString, version } from '@duckdb/node-api';
import { resourceError, openLockedDatabase } from '#shared/duckdb/locked-database.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { RingReader } from './byte-ring.ts';
import { CopyBinaryReader } from './copy-binary.ts';
import type { ParquetJob, ParquetResult } from './parquet-job.ts';
import { copyRows, ROWS_FUNCTION } from './rows-function.ts';

/** zstd's own default. 15 saves under 1 % and takes 5 to 10 times as long. */
const ZSTD_LEVEL = 3;
/**
 * Rows in a row group, a multiple of DuckDB's chunk: what a reader of a small area fetches at least, and what the writer holds. With 10,240,
 * 20,480 and 50,000 rows the peak was 70, 100 and 140 MB above that of a small file; the size of the file did not change.
 */
const ROW_GROUP_ROWS = 16_384;
/** Bytes in a row group, for large geometries: 16,384 of 1 MB would not fit in memory. */
const ROW_GROUP_BYTES = 32 * 2 ** 20;

/** Writes the rows that come through the ring to a Parquet file. Blocks its thread while it waits for rows. Throws EXPORT_MISMATCH, DISK_FULL. */
export async function writeParquet(job: ParquetJob): Promise<ParquetResult> {
  // One thread keeps the rows in order, so that the same rows give the same bytes, also without preserveOrder; with that a row group can't be limited by size.
  const database = await openLockedDatabase(job.folder, { threads: 1, preserveOrder: false });
  try {
    const { connection } = database;
    const broken: { reason?: unknown } = {};
    connection.registerTableFunction(copyRows(job.columns, new CopyBinaryReader(blockingRead(job.ring)), broken));
    try {
      await connection.run(copyStatement(job));
    } catch (thrown) {
      throw broken.reason ?? resourceError(thrown) ?? thrown;
    }
    return { row_count: await rowsOf(connection, job.path), duckdb: version() };
  } finally {
    database[Symbol.dispose]();
  }
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
  return `copy (select ${columns.join(', ')} from ${ROWS_FUNCTION}()) to ${quotedString(job.path)} (${options.join(', ')})`;
}

/** The count in the footer of the file as it is on disk. */
async function rowsOf(connection: DuckDBConnection, path: string): Promise<number> {
  const reader = await connection.runAndReadAll(
    `select num_rows::double from parquet_file_metadata(${quotedString(path)})`,
  );
  return reader.getRows()[0]?.[0] as number;
}

function blockingRead(ring: SharedArrayBuffer): (target: Uint8Array) => number {
  const reader = new RingReader(ring);
  return (target) => {
    const count = reader.read(target);
    if (count === 'broken') throw new SluiceError('CANCELED', 'The rows stopped coming: the export was interrupted.');
    return count;
  };
}
