import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startPostgres } from '../gateway/embedded/postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** URL of the `postgres` database in the test cluster. tests/servers.ts creates databases there. */
    postgresUrl: string;
  }
}

/**
 * Starts one private PostgreSQL cluster for the whole test run, in which each test file creates its own databases.
 * Also creates one folder for temporary files. It is deleted at the end, with the files that tests or killed processes
 * did not delete.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  chmodSync(folder, 0o755); // The server may run as another user.
  process.env.TMPDIR = join(folder, 'tmp'); // The workers inherit it.
  mkdirSync(process.env.TMPDIR);
  chmodSync(process.env.TMPDIR, 0o1777);
  const postgres = await startPostgres(join(folder, 'postgres'));
  await postgres.database('template_postgis', { postgis: true });
  project.provide('postgresUrl', await postgres.database('postgres'));
  return async () => {
    await postgres.stop();
    rmSync(postgres.data, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  };
}
