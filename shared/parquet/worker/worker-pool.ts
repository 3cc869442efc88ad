import { Worker } from 'node:worker_threads';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { createRing, resetRing } from '../copy-binary/byte-ring.ts';
import type { ParquetJob, ParquetResult, WorkerReply } from './parquet-job.ts';

/** An idle worker keeps about 30 MB and is ended after this time. Starting one takes about 150 ms. */
const IDLE_MS = 5 * 60_000;

/**
 * The worker creates a small view for each text or geometry. Without a limit, V8 collects them later and uses 15 MB
 * more.
 */
const MAX_YOUNG_GENERATION_MB = 4;

/** Idle workers, the last used one at the end. */
const idle: ParquetWorker[] = [];

/** A worker for one job. Return it with `release`. */
export function takeWorker(): ParquetWorker {
  return (idle.pop() ?? new ParquetWorker()).prepare();
}

/** Starts a worker, so that the first export does not wait for it. */
export function warmUp(): void {
  if (idle.length === 0) takeWorker().release();
}

/**
 * A thread that writes Parquet files, and the ring with its rows. The ring is reused, because the garbage collector
 * does not take the size of shared memory into account.
 */
export class ParquetWorker {
  readonly ring = createRing();
  #thread = new Worker(new URL('./parquet-worker.ts', import.meta.url), {
    resourceLimits: { maxYoungGenerationSizeMb: MAX_YOUNG_GENERATION_MB },
  });
  #expiry: NodeJS.Timeout | undefined;
  #exited = false;

  constructor() {
    this.#thread.once('exit', () => this.#remove());
    this.#thread.on('error', () => this.#remove()); // The running job rejects with the same error.
  }

  /** Executes one job, which reads the ring to its end. Rejects with the error of the worker. */
  async run(job: Omit<ParquetJob, 'ring'>): Promise<ParquetResult> {
    const reply = await this.#request({ ...job, ring: this.ring });
    if (reply.ok) return reply.result;
    throw new SluiceError(reply.error.code, reply.error.message, { details: reply.error.details });
  }

  /** Returns the worker to the pool. Call it only after the promise of `run` has been fulfilled or rejected. */
  release(): void {
    if (this.#exited) return;
    this.#thread.unref(); // An idle worker does not keep the process alive.
    this.#expiry = setTimeout(() => void this.#thread.terminate(), IDLE_MS).unref();
    idle.push(this);
  }

  /** Prepares an idle worker for a job. */
  prepare(): this {
    clearTimeout(this.#expiry);
    this.#thread.ref();
    resetRing(this.ring);
    return this;
  }

  async #request(job: ParquetJob): Promise<WorkerReply> {
    const { promise, resolve, reject } = Promise.withResolvers<WorkerReply>();
    const onError = (cause: unknown) =>
      reject(new SluiceError('INTERNAL', 'The thread that writes Parquet failed.', { cause }));
    const onExit = (code: number) =>
      reject(new SluiceError('INTERNAL', `The thread that writes Parquet exited with code ${code}.`));
    this.#thread.on('message', resolve).on('error', onError).on('exit', onExit);
    try {
      this.#thread.postMessage(job);
      return await promise;
    } finally {
      this.#thread.off('message', resolve).off('error', onError).off('exit', onExit);
    }
  }

  #remove(): void {
    this.#exited = true;
    const index = idle.indexOf(this);
    if (index >= 0) idle.splice(index, 1);
  }
}
