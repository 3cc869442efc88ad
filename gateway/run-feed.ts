import type { Ledger } from '#shared/ledger/ledger.ts';
import type { Logger } from '#shared/log/log.ts';

type Listener = (runId: string) => void;

/** Wait before listening again after the ledger broke the feed off; readers look again by themselves meanwhile. */
const RESTART_AFTER_MS = 1_000;

/** Changes of runs, for any number of readers over one watch of the ledger, which stands only while somebody listens. */
export class RunFeed {
  #listeners = new Set<Listener>();
  #watch: AbortController | undefined;
  #ledger: Ledger;
  #log: Logger;

  constructor(ledger: Ledger, log: Logger) {
    this.#ledger = ledger;
    this.#log = log;
  }

  /** Calls `listener` with the run_id after each change, until the function that it returns is called. Changes can be missed. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    if (this.#watch === undefined) {
      this.#watch = new AbortController();
      this.#listen(this.#watch.signal);
    }
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#watch?.abort();
      this.#watch = undefined;
    };
  }

  #listen(signal: AbortSignal): void {
    this.#ledger.watchRuns((runId) => this.#listeners.forEach((listener) => listener(runId)), signal).catch((reason: unknown) => {
      if (signal.aborted) return;
      this.#log.warn({ reason }, 'Runs:Watch:Broken');
      setTimeout(() => { if (!signal.aborted) this.#listen(signal); }, RESTART_AFTER_MS).unref();
    });
  }
}
