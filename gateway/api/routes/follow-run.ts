import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { RunView } from '#shared/api/views.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { Logger } from '#shared/log/log.ts';
import { stillHasAccess } from '../http/principal.ts';

/** How often the run is read again: a notification can be lost, and a rejected manifest sends none. */
const REREAD_MS = 1_000;
/** Proxies close connections without data after 30 s or more. */
const HEARTBEAT_MS = 15_000;
/** How long the stream waits for the archive step of an ended run. It takes milliseconds if the store is available. */
const ARCHIVE_WAIT_MS = 10_000;

interface RunSource {
  /** The current view; undefined before the manifest was read. */
  read: () => Promise<RunView | undefined>;
  ledger: Ledger;
  log: Logger;
}

/**
 * Server-sent events that follow one run: an event `run` with the whole RunView, first immediately and then after each
 * change. The stream ends when the run has ended and its manifest is archived, or after ARCHIVE_WAIT_MS. A client can
 * reconnect at any time. Heartbeats are comments. The stream ends within HEARTBEAT_MS after the
 * access of the user, too.
 */
export function followRun(c: Context, { read, ledger, log }: RunSource): Response {
  return streamSSE(c, async (stream) => {
    const changes = new Changes();
    const ended = new AbortController();
    // If the watch fails, the changes are read every REREAD_MS.
    ledger
      .watchRuns((runId) => changes.add(runId), ended.signal)
      .catch((reason: unknown) => log.warn({ reason }, 'Run:Watch:Failed'));
    stream.onAbort(() => changes.close());
    let sent = '';
    let sentAt = Date.now();
    let checkedAt = Date.now();
    let endedAt: number | undefined;
    try {
      while (!stream.aborted) {
        if (Date.now() - checkedAt > HEARTBEAT_MS) {
          if (!(await stillHasAccess(c))) return;
          checkedAt = Date.now();
        }
        const view = await read().catch((reason: unknown) => void log.warn({ reason }, 'Run:Read:Failed'));
        const text = view ? JSON.stringify(view) : '';
        if (view && text !== sent) {
          await stream.writeSSE({ event: 'run', data: text });
          [sent, sentAt] = [text, Date.now()];
        } else if (Date.now() - sentAt > HEARTBEAT_MS) {
          await stream.write(': heartbeat\n\n');
          sentAt = Date.now();
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

/** The ids of runs that have changed since the last read. */
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

  /**
   * Resolves when `runId` has changed since the last call (any run if it is undefined), after `timeoutMs`, or when
   * closed.
   */
  async next(runId: string | undefined, timeoutMs: number): Promise<void> {
    const isDue = () => this.#closed || (runId === undefined ? this.#changed.size > 0 : this.#changed.has(runId));
    if (!isDue()) {
      await new Promise<void>((done) => {
        const timer = setTimeout(done, timeoutMs);
        this.#wake = () => {
          if (!isDue()) return;
          clearTimeout(timer);
          done();
        };
      });
    }
    this.#changed.clear();
  }
}
