import type { Ledger } from '#shared/ledger/ledger.ts';

type Listener = () => void;

/**
 * A step that is shorter is not notified, because a subscription of each process to all runs costs the server of the
 * ledger more than the writes of a small run.
 */
const SUBSCRIBE_AFTER_MS = 1_000;

/** Notifies the claims of this process of the end of their runs. Uses one feed for each ledger, while there are any. */
class RunEndFeed {
  #listeners = new Map<string, Set<Listener>>();
  #open: { stop: AbortController; opened: Promise<void> } | undefined;
  #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  subscribe(runId: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(runId) ?? new Set<Listener>();
    this.#listeners.set(runId, listeners.add(listener));
    // The run may have ended before changes are received.
    void this.#watch().then(() => listeners.has(listener) && listener());
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(runId);
      if (this.#listeners.size > 0) return;
      this.#open?.stop.abort();
      this.#open = undefined;
    };
  }

  /** Resolves when changes are received, or the feed cannot be opened. */
  #watch(): Promise<void> {
    if (this.#open === undefined) {
      const stop = new AbortController();
      // Without the feed, a renewal of the claim detects the end. The next step over a second opens it again.
      const opened = this.#ledger
        .watchRunEnds((id) => this.#notify(id), stop.signal)
        .catch(() => {
          if (this.#open?.stop === stop) this.#open = undefined;
        });
      this.#open = { stop, opened };
    }
    return this.#open.opened;
  }

  #notify(runId: string): void {
    for (const listener of this.#listeners.get(runId) ?? []) listener();
  }
}

const feeds = new WeakMap<Ledger, RunEndFeed>();

/**
 * Calls `listener` when the run ends, until the returned function is called. Also calls it once after a second, because
 * the run may have ended earlier. A call can be lost.
 */
export function onRunEnded(ledger: Ledger, runId: string, listener: Listener): () => void {
  const feed = feeds.get(ledger) ?? new RunEndFeed(ledger);
  feeds.set(ledger, feed);
  let unsubscribe = () => undefined as void;
  const timer = setTimeout(() => {
    unsubscribe = feed.subscribe(runId, listener);
  }, SUBSCRIBE_AFTER_MS);
  return () => {
    clearTimeout(timer);
    unsubscribe();
  };
}
