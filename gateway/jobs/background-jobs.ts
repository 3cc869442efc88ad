import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { Logger } from '#shared/log/log.ts';

/** Work that runs beside the router. Its errors are logged. */
export class BackgroundJobs {
  #log: Logger;
  #ending = new AbortController();
  #running: Promise<void>[] = [];

  constructor(log: Logger) {
    this.#log = log;
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** Resolves when the work has ended. Logs `failureName` if it rejects. */
  run(failureName: string, work: Promise<unknown>): Promise<void> {
    const job = work.then(
      () => undefined,
      (thrown: unknown) => this.#log.error({ error: asSluiceError(thrown).toDocument() }, failureName),
    );
    this.#running.push(job);
    return job;
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#running);
  }
}
