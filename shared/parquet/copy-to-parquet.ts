import type pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { RingWriter } from './byte-ring.ts';
import type { ParquetJob, ParquetResult } from './parquet-job.ts';
import { takeWorker } from './worker-pool.ts';

/** Bytes that the socket's side of the copy holds; the ring holds the rest. */
const STREAM_BYTES = 2 ** 18;

/**
 * Streams the result of `copyOut` (`copy (…) to stdout (format binary)`) into a Parquet file; resolves with what the finished file says.
 * Rows are held neither here nor in the worker. After a failure on this side the client is of no more use: end it. Throws the signal's
 * reason, EXPORT_MISMATCH when a row got lost, DISK_FULL, and what PostgreSQL says.
 */
export async function copyToParquet(
  client: pg.Client,
  copyOut: string,
  job: Omit<ParquetJob, 'ring'>,
  signal: AbortSignal,
): Promise<ParquetResult> {
  const worker = takeWorker();
  const writer = new RingWriter(worker.ring);
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  const written = worker.run(job).finally(() => worker.release());
  // The worker stopped before the end: the rows have nowhere to go.
  written.catch((reason: unknown) => failed.abort(reason));
  const rows = client.query(copyTo(copyOut, { highWaterMark: STREAM_BYTES }));
  // Also while no row comes: the loop below then ends with the reason.
  const giveUp = () => rows.destroy(stop.reason as Error);
  stop.addEventListener('abort', giveUp, { once: true });
  try {
    for await (const chunk of rows) await writer.write(chunk as Buffer, stop);
    writer.end();
  } catch (thrown) {
    const reason: unknown = stop.aborted ? stop.reason : thrown;
    writer.break();
    await written.catch(() => undefined); // The file is not touched any more after this.
    throw reason;
  } finally {
    stop.removeEventListener('abort', giveUp);
  }
  const result = await written;
  if (result.row_count !== rows.rowCount) {
    throw new SluiceError(
      'EXPORT_MISMATCH',
      `The file has ${result.row_count} rows and PostgreSQL sent ${rows.rowCount}.`,
      { details: { file: result.row_count, table: rows.rowCount } },
    );
  }
  return result;
}
