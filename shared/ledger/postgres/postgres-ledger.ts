import { createLedger } from '../create-ledger.ts';
import type { Ledger } from '../ledger.ts';
import { RunFeed } from '../run-feed.ts';
import { assetQueries, removalQueries } from './assets.ts';
import { claimQueries } from './claims.ts';
import { Database } from './database.ts';
import { manifestQueries } from './manifests.ts';
import { recordQueries, runQueries } from './records.ts';
import { openRunSource, RunAnnouncer } from './run-notifications.ts';

/**
 * Opens the ledger as JSONB documents in the schema `ledger` of a PostgreSQL database. Creates missing tables; several
 * processes may do so at the same time. Operations throw DATABASE_UNAVAILABLE while the server restarts.
 * Throws DATABASE_UNAVAILABLE.
 */
export async function openPostgresLedger(url: string): Promise<Ledger> {
  const database = new Database(url);
  const announcer = new RunAnnouncer(database);
  const feed = new RunFeed((notify) => openRunSource(url, notify));
  try {
    await database.createTables();
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
