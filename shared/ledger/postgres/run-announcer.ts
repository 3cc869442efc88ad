import type { Database, Statement } from './database.ts';
import { CHANNEL } from './run-feed.ts';
import type { Status } from '#shared/contracts/statuses.ts';

const ANNOUNCE: Statement = {
  name: 'ledger.announce',
  text: `select pg_notify('${CHANNEL}', payload) from unnest($1::text[]) with ordinality as t (payload, n) order by n`,
};

/**
 * Tells other processes which runs changed. Not in the transaction of the change: PostgreSQL lets only one transaction with a
 * notification commit at a time, each with its own wait for the disk, which cut the writes per second by four. A change whose process
 * dies before it is told is missed, as the port allows.
 */
export class RunAnnouncer {
  readonly #database: Database;
  /** What is not sent yet; changes of one run that come quickly are told once. */
  readonly #pending = new Set<string>();
  #sending: Promise<void> | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Call it when the change is committed. Costs the caller no time. */
  announce(runId: string, status: Status): void {
    this.#pending.add(`${status} ${runId}`);
    this.#sending ??= this.#send();
  }

  /** Resolves when all that was announced has been sent. */
  async drain(): Promise<void> {
    await this.#sending;
  }

  async #send(): Promise<void> {
    while (this.#pending.size > 0) {
      const batch = [...this.#pending];
      this.#pending.clear();
      await this.#database.query(ANNOUNCE, [batch]).catch(() => undefined); // Whoever waits for it reads again after a while.
    }
    this.#sending = undefined;
  }
}
