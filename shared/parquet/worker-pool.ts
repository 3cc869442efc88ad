import { Worker } from 'node:worker_threads';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { createRing, resetRing } from './byte-ring.ts';
import type { ParquetJob, ParquetResult, WorkerReply } from './parquet-job.ts';

/** An idle worker keeps about 30 MB; without work for this long it is let go. Starting one costs about 150 ms. */
const IDLE_MS = 5 * 60_000;

/** The thread makes one small view for each text or geometry; without a limit V8 lets 15 MB more of them gather, and is no faster. */
const YOUNG_MEGABYTES = 4;

/** A thread that writes Parquet, with the ring that feeds it. The ring lives as long as the thread: the garbage collector does not see shared memory grow. */
export class ParquetWorker {
  readonly ring = createRing();
  #thread = new Worker(new URL('./parquet-worker.ts', import.meta.url), {
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEGABYTES },
  });
  #expiry: NodeJS.Timeout | undefined;
  #dead = false;

  constructor() {
    this.#thread.once('exit', () => this.#forget());
    this.#thread.on('error', () => this.#forget()); // The job that runs rejects with the same error.
  }

  /** Runs one job, which reads the ring to its end; rejects with what the worker says. */
  async run(job: Omit<ParquetJob, 'ring'>): Promise<ParquetResult> {
    const reply = await this.#answer({ ...job, ring: this.ring });
    if (reply.ok) return reply.result;
    throw new SluiceError(reply.error.code, reply.error.message, { details: reply.error.details });
  }

  /** Gives the worker back for the next job. Only when `run` has settled. */
  release(): void {
    if (this.#dead) return;
    this.#thread.unref(); // An idle worker does not keep the process alive.
    this.#expiry = setTimeout(() => void this.#thread.terminate(), IDLE_MS).unref();
    idle.push(this);
  }

  /** Makes an idle worker ready for a job. */
  prepare(): this {
    clearTimeout(this.#expiry);
    this.#thread.ref();
    resetRing(this.ring);
    return this;
  }

  #answer(job: ParquetJob): Promise<WorkerReply> {
    return new Promise((resolve, reject) => {
      const settle = (then: () => void) => {
        this.#thread.off('message', answered).off('error', failed).off('exit', stopped);
        then();
      };
      const answered = (reply: WorkerReply) => settle(() => resolve(reply));
      const failed = (reason: unknown) =>
        settle(() => reject(new SluiceError('INTERNAL', 'The thread that writes Parquet failed.', { cause: reason })));
      const stopped = (code: number) =>
        settle(() => reject(new SluiceError('INTERNAL', `The thread that writes Parquet stopped with code ${code}.`)));
      this.#thread.on('message', answered).on('error', failed).on('exit', stopped);
      this.#thread.postMessage(job);
    });
  }

  #forget(): void {
    this.#dead = true;
    const place = idle.indexOf(this);
    if (place >= 0) idle.splice(place, 1);
  }
}

/** Workers that wait for a job, the one used last at the end. There are never more than ran at once. */
const idle: ParquetWorker[] = [];

/** A worker for one job; give it back with `release`. */
export function takeWorker(): ParquetWorker {
  return (idle.pop() ?? new ParquetWorker()).prepare();
}

/** Starts a worker ahead of the first job, so that the first export does not wait for it. */
export function warmUp(): void {
  if (idle.length === 0) takeWorker().release();
}
