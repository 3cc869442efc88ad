import type { Ledger } from '#shared/ledger/ledger.ts';
import type { Status } from '#shared/contracts/statuses.ts';

type Listener = () => void;

/** Tells the claims of this process when their run has ended, through one feed for each ledger. */
class RunEndings {
  #listeners = new Map<string, Set<Listener>>();
  #stop: AbortController | undefined;
  #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  subscribe(runId: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(runId) ?? new Set<Listener>();
    this.#listeners.set(runId, listeners.add(listener));
    this.#watch();
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(runId);
    };
  }

  #watch(): void {
    if (this.#stop !== undefined) return;
    this.#stop = new AbortController();
    // Without the feed, renewal still notices the end within a few seconds; the next claim tries to listen again.
    this.#ledger
      .watchRuns((runId, status) => this.#tell(runId, status), this.#stop.signal)
      .catch(() => {
        this.#stop = undefined;
      });
  }

  #tell(runId: string, status: Status): void {
    if (status === 'running') return;
    for (const listener of this.#listeners.get(runId) ?? []) listener();
  }
}

const feeds = new WeakMap<Ledger, RunEndings>();

/** Calls `listener` when the run has ended, until the returned function is called. An ending can be missed. */
export function onRunEnded(ledger: Ledger, runId: string, listener: Listener): () => void {
  const feed = feeds.get(ledger) ?? new RunEndings(ledger);
  feeds.set(ledger, feed);
  return feed.subscribe(runId, listener);
}
