import type pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { statementFailure } from '#shared/errors/database-failure.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { JoinedSignal } from '#shared/signals/joined-signal.ts';
import { ignoreError } from '#shared/text/file-streams.ts';
import { RingWriter } from '../copy-binary/byte-ring.ts';
import type { ParquetJob, ParquetResult } from './parquet-job.ts';
import { startJob } from './worker-pool.ts';

/** Buffer of the COPY stream. More rows are buffered in the ring. */
const STREAM_BYTES = 2 ** 18;

/**
 * Streams the result of `copyOut` (`copy (…) to stdout (format binary)`) into a Parquet file. Resolves with the
 * properties of the complete file. Memory does not grow with the rows. After an abort or a failure of the worker the
 * client must be closed. Throws the signal's reason, EXPORT_MISMATCH when a row was lost, DISK_FULL,
 * DATABASE_UNAVAILABLE and errors of PostgreSQL.
 */
export async function copyToParquet(
  client: pg.Client,
  copyOut: string,
  job: Omit<ParquetJob, 'ring'>,
  signal: AbortSignal,
): Promise<ParquetResult> {
  const { ring: buffer, result: written } = startJob(job);
  const workerFailure = new AbortController();
  written.catch((reason: unknown) => workerFailure.abort(reason));
  using stop = new JoinedSignal([signal, workerFailure.signal]);
  const ring = new RingWriter(buffer);
  const rowCount = await copyRows(client, copyOut, ring, stop.signal).catch(async (thrown: unknown) => {
    ring.break();
    await written.catch(() => undefined); // The worker does not use the file after this.
    throw thrown;
  });
  const result = await written;
  if (result.row_count !== rowCount) {
    throw new SluiceError(
      'EXPORT_MISMATCH',
      `The Parquet file has ${result.row_count} rows, but PostgreSQL sent ${rowCount}.`,
      { details: { file: result.row_count, table: rowCount } },
    );
  }
  return result;
}

/** Copies the rows into the ring and ends its stream. Resolves with PostgreSQL's row count. */
async function copyRows(client: pg.Client, copyOut: string, ring: RingWriter, stop: AbortSignal): Promise<number> {
  const rows = client.query(copyTo(copyOut, { highWaterMark: STREAM_BYTES })).on('error', ignoreError);
  // Ends the loop below even while PostgreSQL sends no rows.
  const destroy = () => rows.destroy(stop.reason as Error);
  stop.addEventListener('abort', destroy, { once: true });
  try {
    for await (const chunk of rows) await ring.write(chunk as Buffer, stop);
    ring.end();
    return rows.rowCount;
  } catch (thrown) {
    stop.throwIfAborted();
    throw statementFailure(thrown) ?? thrown;
  } finally {
    stop.removeEventListener('abort', destroy);
  }
}
