import { createLedger } from '../create-ledger.ts';
import type { Ledger } from '../ledger.ts';
import { RunFeed } from '../run-feed.ts';
import { assetQueries } from './assets.ts';
import { claimQueries } from './claims.ts';
import { Database } from './database.ts';
import { manifestQueries } from './manifests.ts';
import { recordQueries, runQueries } from './records.ts';
import { removalQueries } from './removals.ts';
import { CHANGES, ENDS, openRunSource } from './change-stream.ts';
import { setUp } from './set-up.ts';

/**
 * Opens the ledger in a MongoDB database, the one in the path of the URL or `sluice`. Creates missing collections;
 * several processes may do so at the same time. The server must be a replica set.
 * Throws CONFIG_INVALID, DATABASE_UNAVAILABLE, SETUP_FAILED.
 */
export async function openMongoLedger(url: string): Promise<Ledger> {
  return mongoLedger(await openDatabase(url));
}

/** Connects to the database and sets it up. Throws as openMongoLedger. */
export async function openDatabase(url: string): Promise<Database> {
  const database = new Database(url);
  try {
    await setUp(database);
    return database;
  } catch (thrown) {
    await database.close();
    throw thrown;
  }
}

/** The ledger in a database that is set up. */
export function mongoLedger(database: Database): Ledger {
  const changes = new RunFeed((notify) => openRunSource(database, CHANGES, notify));
  const ends = new RunFeed((notify) => openRunSource(database, ENDS, notify));
  return createLedger({
    ...manifestQueries(database),
    ...runQueries(database),
    ...claimQueries(database),
    ...assetQueries(database),
    ...removalQueries(database),
    ...recordQueries(database),
    announceRun: () => undefined, // The change stream reports every committed change.
    watchRuns: (onChange, signal) => changes.listen(onChange, signal),
    watchRunEnds: (onEnded, signal) => ends.listen(onEnded, signal),
    async ping() {
      await database.execute((db) => db.command({ ping: 1 }));
    },
    async close() {
      await Promise.all([changes.close(), ends.close()]);
      await database.close();
    },
  });
}
