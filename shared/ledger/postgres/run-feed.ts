import type { Status } from '#shared/contracts/statuses.ts';
import { ListenConnection } from '#shared/postgres/listen-connection.ts';
import { type Database, databaseError, type Statement } from './database.ts';

/** Channel to which each change of a run is sent, as `{status} {run_id}`. */
export const CHANNEL = 'sluice_ledger_runs';

export type RunListener = (runId: string, status: Status) => void;

/**
 * Changes of runs by all processes. All listeners of a ledger share one session, which is open only while there are
 * listeners.
 */
export class RunFeed {
  readonly #url: string;
  readonly #listeners = new Set<RunListener>();
  #connection: ListenConnection | undefined;
  #opening: Promise<void> | undefined;

  constructor(url: string) {
    this.#url = url;
  }

  /** Resolves when changes are received. Throws DATABASE_UNAVAILABLE; a session that is lost later is opened again. */
  async listen(listener: RunListener, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => this.#remove(listener), { once: true });
    try {
      await (this.#opening ??= this.#open());
    } catch (thrown) {
      this.#connection = undefined;
      this.#opening = undefined;
      this.#remove(listener);
      throw databaseError(thrown);
    }
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    await this.#disconnect();
  }

  #open(): Promise<void> {
    this.#connection = new ListenConnection({
      url: this.#url,
      applicationName: 'sluice:ledger:feed',
      onConnect: async (client) => {
        await client.query(`listen ${CHANNEL}`);
      },
      onNotification: (payload) => this.#notify(payload),
    });
    return this.#connection.open();
  }

  #notify(payload: string): void {
    const [status, runId] = payload.split(' ') as [Status, string];
    for (const listener of this.#listeners) listener(runId, status);
  }

  #remove(listener: RunListener): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size === 0) void this.#disconnect();
  }

  async #disconnect(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#opening = undefined;
    await connection?.close();
  }
}

const ANNOUNCE: Statement = {
  name: 'ledger.announce',
  text: `
    select pg_notify('${CHANNEL}', payload)
    from unnest($1::text[]) with ordinality as t (payload, n) order by n`,
};

/**
 * Notifies other processes of changed runs. The notification is not part of the transaction of the change: PostgreSQL
 * commits transactions with notifications one after another, each with its own disk flush, which reduced the writes per
 * second to a quarter. When a process dies between the change and the notification, the notification is lost, which the
 * port allows.
 */
export class RunAnnouncer {
  readonly #database: Database;
  /** Payloads that are not sent yet. Several changes of a run to one status are sent once. */
  readonly #pending = new Set<string>();
  #sending: Promise<void> | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Call it after the change is committed. Does not block. */
  announce(runId: string, status: Status): void {
    this.#pending.add(`${status} ${runId}`);
    this.#sending ??= this.#send();
  }

  /** Resolves when all notifications are sent. */
  async drain(): Promise<void> {
    await this.#sending;
  }

  async #send(): Promise<void> {
    while (this.#pending.size > 0) {
      const payloads = [...this.#pending];
      this.#pending.clear();
      // Listeners read the run again after a while, so a lost notification only delays them.
      await this.#database.query(ANNOUNCE, [payloads]).catch(() => undefined);
    }
    this.#sending = undefined;
  }
}
