import type { Env } from '#shared/config/env.ts';
import type { StoredLedger } from '#shared/ledger/transfer/stored-ledger.ts';

/**
 * Calls `work` with the documents of the ledger that the environment names, else of the ledger in the embedded
 * PostgreSQL below SLUICE_HOME. Sluice may be running.
 */
export async function useLedger<T>(env: Env, work: (ledger: StoredLedger) => Promise<T>): Promise<T> {
  // Imported here, because only these commands need the drivers, which take most of the start-up time.
  const { namesLedger, openStoredLedger } = await import('#shared/ledger/open-ledger.ts');
  if (namesLedger(env)) return withLedger(await openStoredLedger(env), work);
  const [{ openControlDatabase }, { homeFolder }] = await Promise.all([
    import('../gateway/embedded/control-database.ts'),
    import('../gateway/embedded/home-folder.ts'),
  ]);
  const database = await openControlDatabase(homeFolder());
  try {
    return await withLedger(await openStoredLedger({ ...env, CONTROL_DATABASE_URL: database.url }), work);
  } finally {
    await database.close();
  }
}

async function withLedger<T>(ledger: StoredLedger, work: (ledger: StoredLedger) => Promise<T>): Promise<T> {
  try {
    return await work(ledger);
  } finally {
    await ledger.close();
  }
}
