import type { Status } from '#shared/contracts/statuses.ts';
import { ListenConnection } from '#shared/databases/listen-connection.ts';
import { createLedger } from '../create-ledger.ts';
import type { Ledger } from '../ledger.ts';
import { RunFeed, type RunListener, type RunSource } from '../run-feed.ts';
import { assetQueries, removalQueries } from './assets.ts';
import { claimQueries } from './claims.ts';
import { Database, databaseError, type Statement } from './database.ts';
import { manifestQueries } from './manifests.ts';
import { recordQueries, runQueries } from './records.ts';
import { setUp } from './set-up.ts';

/**
 * Opens the ledger as JSONB documents in the schema `ledger` of a PostgreSQL database. Creates or migrates the tables;
 * several processes may do so at the same time. Operations throw DATABASE_UNAVAILABLE while the server restarts.
 * Throws DATABASE_UNAVAILABLE, LEDGER_TOO_NEW.
 */
export async function openPostgresLedger(url: string): Promise<Ledger> {
  const database = new Database(url);
  const announcer = new RunAnnouncer(database);
  const feed = new RunFeed((notify) => openRunSource(url, notify));
  try {
    await setUp(database);
  } catch (thrown) {
    await database.close();
    throw thrown;
  }
  return createLedger({
    ...manifestQueries(database),
    ...runQueries(database),
    ...claimQueries(database),
    ...assetQueries(database),
    ...removalQueries(database),
    ...recordQueries(database),
    announceRun: (runId, status) => announcer.announce(runId, status),
    watchRuns: (onChange, signal) => feed.listen(onChange, signal),
    watchRunEnds: (onEnded, signal) => feed.listen(ofEndedRuns(onEnded), signal),
    async ping() {
      await database.query({ text: 'select 1' });
    },
    async close() {
      await feed.close();
      await announcer.drain();
      await database.close();
    },
  });
}

function ofEndedRuns(listener: RunListener): RunListener {
  return (runId, status) => {
    if (status !== 'running') listener(runId, status);
  };
}

/** Channel to which each change of a run is sent, as `{status} {run_id}`. */
export const CHANNEL = 'sluice_ledger_runs';

/** Listens to the channel in a session of its own. Throws DATABASE_UNAVAILABLE. */
async function openRunSource(url: string, notify: RunListener): Promise<RunSource> {
  const connection = new ListenConnection({
    url,
    applicationName: 'sluice:ledger:feed',
    onConnect: async (client) => {
      await client.query(`listen ${CHANNEL}`);
    },
    onNotification: (payload) => {
      const [status, runId] = payload.split(' ') as [Status, string];
      notify(runId, status);
    },
  });
  try {
    await connection.open();
  } catch (thrown) {
    throw databaseError(thrown);
  }
  return connection;
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
 * second to a quarter. When a process ends between the change and the notification, the notification is lost, which the
 * port allows.
 */
class RunAnnouncer {
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
