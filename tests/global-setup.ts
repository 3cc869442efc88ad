import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { dataFolder, serverAccount } from '../gateway/embedded/postgres-folders.ts';
import { binariesFor, ensureCluster } from '../gateway/embedded/postgres-server.ts';
import { startPostgres } from '../gateway/embedded/postgres.ts';
import { copyCluster } from './cluster.ts';
import { NEEDS_MONGODB, startMongo } from './mongodb.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** URL of the `postgres` database in the test cluster. tests/servers.ts creates databases there. */
    postgresUrl: string;
    /** A MongoDB server, without the name of a database; undefined when there is none (tests/mongodb.ts). */
    mongoUrl: string | undefined;
    /** Data folder of an initialized cluster, which tests/cluster.ts copies. No server uses it. */
    emptyCluster: string;
  }
}

/**
 * The clusters of the tests do not wait for the disk: no test stops the machine, and a process that is killed loses
 * nothing that it wrote. The server loads PostGIS once, instead of in each session.
 */
const SETTINGS = "fsync = off\nfull_page_writes = off\nshared_preload_libraries = 'postgis-3'\n";

/**
 * Starts one PostgreSQL cluster for the whole test run, in which each test file creates its own databases.
 * Also creates one folder for temporary files. It is deleted at the end, with the files that tests or killed processes
 * did not delete.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  chmodSync(folder, 0o755); // The server may run as another user.
  process.env.TMPDIR = join(folder, 'tmp'); // The workers inherit it.
  mkdirSync(process.env.TMPDIR);
  chmodSync(process.env.TMPDIR, 0o1777);
  const emptyCluster = await createEmptyCluster(join(folder, 'empty'));
  copyCluster(emptyCluster, join(folder, 'postgres'));
  const postgres = await startPostgres(join(folder, 'postgres'));
  await postgres.database('template_postgis', { postgis: true });
  project.provide('postgresUrl', await postgres.database('postgres'));
  project.provide('emptyCluster', emptyCluster);
  const stops = [() => postgres.stop()];
  const tearDown = async () => {
    const stopped = await Promise.allSettled(stops.map((stop) => stop()));
    for (const data of [postgres.data, emptyCluster]) rmSync(data, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
    for (const result of stopped) if (result.status === 'rejected') throw result.reason;
  };
  // Vitest does not call the teardown after a failed setup.
  const mongo = await startMongo().catch(async (thrown: unknown) => {
    await tearDown();
    throw thrown;
  });
  if (mongo !== undefined) stops.push(() => mongo.stop());
  console.log(`Tests of the ledger in MongoDB: ${mongo?.name ?? `skipped, ${NEEDS_MONGODB}`}`);
  project.provide('mongoUrl', mongo?.url);
  // A Sluice that a test starts uses the ledger that the test gives it.
  delete process.env.MONGO_CONNECTION_STRING;
  return tearDown;
}

/** Initializes a cluster, and returns its data folder. */
async function createEmptyCluster(directory: string): Promise<string> {
  const account = serverAccount();
  const data = dataFolder(directory, account);
  const cluster = { bin: binariesFor(data), data, socket: '', logFile: '', memoryBytes: undefined, account };
  await ensureCluster(cluster);
  appendFileSync(join(data, 'postgresql.conf'), SETTINGS);
  return data;
}
