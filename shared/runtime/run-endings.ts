import type { Ledger } from '#shared/ledger/ledger.ts';
import type { Status } from '#shared/contracts/statuses.ts';

type Listener = () => void;

/** Notifies the claims of this process of the end of their runs. Uses one feed for each ledger. */
class RunEndFeed {
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
    // Without the feed, the renewal of the claim detects the end within seconds. The next claim opens the feed again.
    this.#ledger
      .watchRuns((runId, status) => this.#notify(runId, status), this.#stop.signal)
      .catch(() => {
        this.#stop = undefined;
      });
  }

  #notify(runId: string, status: Status): void {
    if (status === 'running') return;
    for (const listener of this.#listeners.get(runId) ?? []) listener();
  }
}

const feeds = new WeakMap<Ledger, RunEndFeed>();

/** Calls `listener` when the run has ended, until the returned function is called. A call can be missed. */
export function onRunEnded(ledger: Ledger, runId: string, listener: Listener): () => void {
  const feed = feeds.get(ledger) ?? new RunEndFeed(ledger);
  feeds.set(ledger, feed);
  return feed.subscribe(runId, listener);
}
