import type { Ledger } from '../ledger.ts';
import { assetOperations } from './assets.ts';
import { claimOperations } from './claims.ts';
import { Database } from './database.ts';
import { manifestOperations } from './manifests.ts';
import { recordOperations } from './records.ts';
import { removalOperations } from './removals.ts';
import { RunAnnouncer } from './run-announcer.ts';
import { RunFeed } from './run-feed.ts';
import { runOperations } from './runs.ts';

/**
 * The ledger as JSONB documents in the schema `ledger` of a PostgreSQL database. Makes its tables when they are missing; several
 * processes may do so at once. Survives a restart of the server: operations throw DATABASE_UNAVAILABLE meanwhile.
 * Throws DATABASE_UNAVAILABLE.
 */
export async function openPostgresLedger(url: string): Promise<Ledger> {
  const database = new Database(url);
  const runs = new RunAnnouncer(database);
  const feed = new RunFeed(url);
  try {
    await database.createTables();
  } catch (thrown) {
    await database.close();
    throw thrown;
  }
  return {
    ...manifestOperations(database, runs),
    ...runOperations(database, runs),
    ...claimOperations(database, runs),
    ...assetOperations(database, runs),
    ...removalOperations(database),
    ...recordOperations(database),
    watchRuns: (onChange, signal) => feed.listen(onChange, signal),
    async ping() {
      await database.query({ text: 'select 1' });
    },
    async close() {
      await feed.close();
      await runs.drain();
      await database.close();
    },
  };
}
