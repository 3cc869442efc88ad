import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { Logger } from '#shared/log/log.ts';
import type { RunView } from '#shared/api/views.ts';

/** Changes can be missed, and a rejected manifest changes no run: look again after this time. */
const REREAD_MS = 1_000;
/** Proxies close connections that are silent for 30 s or more. */
const HEARTBEAT_MS = 15_000;
/** How long the stream of an ended run waits for its archiving, which takes milliseconds unless the store is away. */
const ARCHIVE_WAIT_MS = 10_000;

/**
 * Server-sent events that follow one run: an event `run` with the RunView at once and after each change. The stream ends when the run
 * has ended and its manifest is archived (or that takes too long). A client that loses it connects again: it carries
 * states, not differences. While there is nothing to show yet, only heartbeats (comments) are sent.
 */
export function followRun(
  c: Context,
  source: { read: () => Promise<RunView | undefined>; ledger: Ledger; log: Logger },
): Response {
  return streamSSE(c, async (stream) => {
    const changes = new Changes();
    const ended = new AbortController();
    // Without the watch, reading again every REREAD_MS shows the same, later.
    source.ledger
      .watchRuns((runId) => changes.add(runId), ended.signal)
      .catch((reason: unknown) => source.log.warn({ reason }, 'Run:Follow:NotWatched'));
    stream.onAbort(() => changes.close());
    let shown = '';
    let spokeAt = Date.now();
    let endedAt: number | undefined;
    try {
      while (!stream.aborted) {
        const view = await source
          .read()
          .catch((reason: unknown) => void source.log.warn({ reason }, 'Run:Follow:NotRead'));
        const text = view ? JSON.stringify(view) : '';
        if (view && text !== shown) {
          await stream.writeSSE({ event: 'run', data: text });
          [shown, spokeAt] = [text, Date.now()];
        } else if (Date.now() - spokeAt > HEARTBEAT_MS) {
          await stream.write(': heartbeat\n\n');
          spokeAt = Date.now();
        }
        if (view && view.status !== 'running') endedAt ??= Date.now();
        if (view && endedAt !== undefined && (view.archived || Date.now() - endedAt > ARCHIVE_WAIT_MS)) return;
        await changes.next(view?.run_id ?? undefined, REREAD_MS);
      }
    } finally {
      ended.abort();
    }
  });
}

/** Run ids that changed and were not looked at yet; several changes make one. */
class Changes {
  #changed = new Set<string>();
  #wake: () => void = () => undefined;
  #closed = false;

  add(runId: string): void {
    this.#changed.add(runId);
    this.#wake();
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** Resolves when `runId` has changed since the last call (any run while it is not known), after `timeoutMs`, or when closed. */
  async next(runId: string | undefined, timeoutMs: number): Promise<void> {
    const due = () => this.#closed || (runId === undefined ? this.#changed.size > 0 : this.#changed.has(runId));
    if (!due()) {
      await new Promise<void>((done) => {
        const timer = setTimeout(done, timeoutMs);
        this.#wake = () => {
          if (!due()) return;
          clearTimeout(timer);
          done();
        };
      });
    }
    this.#changed.clear();
  }
}
