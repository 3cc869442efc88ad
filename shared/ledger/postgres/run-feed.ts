import pg from 'pg';
import { databaseError } from './database.ts';
import type { Status } from '#shared/contracts/statuses.ts';

/** Channel on which each changed run is announced, as `{status} {run_id}`. */
export const CHANNEL = 'sluice_ledger_runs';
/** A restart of PostgreSQL takes a few seconds; the first tries cost nothing. */
const RECONNECT_MIN_MS = 100;
const RECONNECT_MAX_MS = 5_000;

export type RunListener = (runId: string, status: Status) => void;

/** Changes of runs, also by other processes, through one session that all listeners of a ledger share; open while there are any. */
export class RunFeed {
  readonly #url: string;
  readonly #listeners = new Set<RunListener>();
  #session: pg.Client | undefined;
  #opening: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;

  constructor(url: string) {
    this.#url = url;
  }

  /** Resolves when changes are heard. Throws DATABASE_UNAVAILABLE; a session that is lost later is opened again. */
  async listen(listener: RunListener, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => this.#remove(listener), { once: true });
    try {
      await (this.#opening ??= this.#open());
    } catch (thrown) {
      this.#opening = undefined;
      this.#remove(listener);
      throw databaseError(thrown);
    }
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    await this.#shut();
  }

  #remove(listener: RunListener): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size === 0) void this.#shut();
  }

  async #open(): Promise<void> {
    const session = new pg.Client({
      connectionString: this.#url,
      application_name: 'sluice:ledger:feed',
      keepAlive: true,
    });
    session.on('error', () => undefined); // `end` follows.
    session.on('notification', ({ payload = '' }) => this.#tell(payload));
    try {
      await session.connect();
      await session.query(`listen ${CHANNEL}`);
    } catch (thrown) {
      void session.end().catch(() => undefined);
      throw thrown;
    }
    // Meanwhile the last listener may have gone, or another attempt may have been quicker.
    if (this.#listeners.size === 0 || this.#session !== undefined) return session.end();
    this.#session = session;
    session.once('end', () => this.#lost(session));
  }

  #tell(payload: string): void {
    const [status, runId] = payload.split(' ') as [Status, string];
    for (const listener of this.#listeners) listener(runId, status);
  }

  #lost(session: pg.Client): void {
    if (this.#session !== session) return; // It was closed on purpose.
    this.#session = undefined;
    this.#reopen(RECONNECT_MIN_MS);
  }

  #reopen(afterMs: number): void {
    this.#retry = setTimeout(() => {
      this.#opening = this.#open();
      this.#opening.catch(() => this.#reopen(Math.min(afterMs * 2, RECONNECT_MAX_MS)));
    }, afterMs);
  }

  async #shut(): Promise<void> {
    clearTimeout(this.#retry);
    const session = this.#session;
    this.#session = undefined;
    this.#opening = undefined;
    await session?.end().catch(() => undefined);
  }
}
