import { readSync } from 'node:fs';
import { DuckDBInstance, quotedIdentifier, quotedString } from '@duckdb/node-api';
import { CopyBinaryReader } from '#shared/databases/copy-binary/reader.ts';
import type { ParquetJob } from '#shared/geoparquet/worker/worker-pool.ts';
import { ROWS_FUNCTION, rowsFunction } from '#shared/geoparquet/worker/rows-function.ts';

/**
 * A program that writes PostgreSQL's COPY BINARY from standard input to the Parquet file of the job in its argument.
 * This is the fastest known way (docs/benchmarks.md): one thread, without streams, hashes and checks.
 */

export type BareExportJob = Pick<ParquetJob, 'path' | 'columns' | 'select' | 'metadata'>;

/** The same options as in shared/geoparquet/worker/geoparquet-worker.ts, so that both compress equally. */
const OPTIONS = ['format parquet', 'compression zstd', 'compression_level 3', 'row_group_size 50000'];
const STANDARD_INPUT = 0;

const job = JSON.parse(process.argv[2] ?? '') as BareExportJob;
const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
const connection = await instance.connect();
connection.registerTableFunction(
  rowsFunction(job.columns, new CopyBinaryReader((target) => readSync(STANDARD_INPUT, target)), {}),
);
const columns = job.select.map(({ expression, name }) => `${expression} as ${quotedIdentifier(name)}`);
const metadata = Object.entries(job.metadata).map(([key, value]) => `${quotedIdentifier(key)}: ${quotedString(value)}`);
const options = [...OPTIONS, `kv_metadata {${metadata.join(', ')}}`].join(', ');
const select = `select ${columns.join(', ')} from ${ROWS_FUNCTION}()`;
await connection.run(`copy (${select}) to ${quotedString(job.path)} (${options})`);
instance.closeSync();
