import { Worker } from 'node:worker_threads';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { ParquetJob, ParquetResult, WorkerReply } from './parquet-job.ts';

/** An idle worker keeps 30 MB; without work for this long it is let go. Starting one costs about 200 ms. */
const IDLE_MS = 5 * 60_000;

interface IdleWorker {
  worker: Worker;
  expiry: NodeJS.Timeout;
}

/** Warm workers that wait for a job, newest last. There are never more than ran at once. */
const idle: IdleWorker[] = [];

/** Starts a worker ahead of the first job, so that the first export does not wait for it. */
export function warmUp(): void {
  if (idle.length === 0) release(start());
}

/** Runs one job in a worker of its own; rejects with what the worker says. A worker that fails is not used again. */
export async function runInWorker(job: ParquetJob): Promise<ParquetResult> {
  const worker = take() ?? start();
  worker.ref();
  const reply = await answer(worker, job);
  if (reply.ok) {
    release(worker);
    return reply.result;
  }
  void worker.terminate();
  throw new SluiceError(reply.error.code, reply.error.message, { details: reply.error.details });
}

function start(): Worker {
  return new Worker(new URL('./parquet-worker.ts', import.meta.url));
}

function take(): Worker | undefined {
  const next = idle.pop();
  clearTimeout(next?.expiry);
  return next?.worker;
}

function release(worker: Worker): void {
  worker.unref(); // An idle worker does not keep the process alive.
  const expiry = setTimeout(() => {
    idle.splice(idle.findIndex((each) => each.worker === worker), 1);
    void worker.terminate();
  }, IDLE_MS);
  expiry.unref();
  idle.push({ worker, expiry });
}

function answer(worker: Worker, job: ParquetJob): Promise<WorkerReply> {
  return new Promise((resolve, reject) => {
    const stopped = (code: number) => reject(new SluiceError('INTERNAL', `The thread that writes Parquet stopped with code ${code}.`));
    worker.once('message', (reply: WorkerReply) => {
      worker.off('error', reject).off('exit', stopped);
      resolve(reply);
    });
    worker.once('error', reject).once('exit', stopped);
    worker.postMessage(job);
  });
}
