import { join, resolve } from 'node:path';
import pg from 'pg';
import { dataFolder, serverAccount, socketFolder } from './postgres-folders.ts';
import { databaseUrl } from './postgres-server.ts';
import { startPostgres } from './postgres.ts';

/** The database of the queue and the ledger in the embedded PostgreSQL. */
export const CONTROL_DATABASE = 'sluice_control';

/** The folder of the embedded PostgreSQL below SLUICE_HOME. */
export function postgresFolder(home: string): string {
  return join(home, 'postgres');
}

/**
 * The control database in the embedded PostgreSQL of `home`. If no Sluice runs there, the server is started, and
 * `close` stops it. Throws SETUP_FAILED.
 */
export async function openControlDatabase(home: string): Promise<{ url: string; close(): Promise<void> }> {
  const directory = resolve(postgresFolder(home));
  const account = serverAccount();
  const running = databaseUrl(socketFolder(dataFolder(directory, account), account), CONTROL_DATABASE);
  if (await responds(running)) return { url: running, close: async () => undefined };
  const postgres = await startPostgres(directory);
  try {
    return { url: await postgres.database(CONTROL_DATABASE), close: () => postgres.stop() };
  } catch (thrown) {
    await postgres.stop();
    throw thrown;
  }
}

async function responds(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined); // connect() rejects with the same error.
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}
