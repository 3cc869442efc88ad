import { parentPort } from 'node:worker_threads';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { ParquetJob, WorkerReply } from './parquet-job.ts';
import { writeParquet } from './write-parquet.ts';

/** Entry point of the worker thread. It executes one job at a time and sends one reply for each. */
parentPort?.on('message', (job: ParquetJob) => {
  void writeParquet(job).then(
    (result) => reply({ ok: true, result }),
    (thrown: unknown) => reply({ ok: false, error: asSluiceError(thrown).toDocument() }),
  );
});

function reply(message: WorkerReply): void {
  parentPort?.postMessage(message);
}
