import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { ParquetJob, WorkerReply } from './parquet-job.ts';
import { writeParquet } from './write-parquet.ts';

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
