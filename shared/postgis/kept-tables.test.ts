import { chmodSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startPostgres } from '../../gateway/embedded/postgres.ts';
import { checkTableKept } from './kept-tables.ts';
import { PgPostgis } from './postgis.ts';

const RUN = '0d4a1f6e-2f64-8c11-9a3e-0123456789ab';
const never = new AbortController().signal;

/** A cluster of its own: it is crashed. */
async function startCluster() {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-crash-'));
  chmodSync(folder, 0o755);
  const postgres = await startPostgres(join(folder, 'postgres'));
  onTestFinished(async () => {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  });
  return postgres;
}

test('rows that a crash of PostgreSQL took are missed, rows that are there and files without rows are not', async () => {
  const postgres = await startCluster();
  const postgis = new PgPostgis(await postgres.database('spatial', { postgis: true }));
  onTestFinished(() => postgis.close());
  const load = await postgis.openSession({ runId: RUN, step: 'load-to-postgis', token: 1 }, never);
  await load.query('create unlogged table raw_data as select 1 as id');
  await checkTableKept(load, 'raw_data', 1);
  // The server writes what is known to the disk now and then; a crash that comes sooner loses the schema as a whole.
  await load.query('checkpoint');

  const crashed = postgres.pid;
  process.kill(crashed, 'SIGKILL');
  await vi.waitUntil(() => postgres.pid !== crashed, { timeout: 20_000 });
  const transform = await postgis.openSession({ runId: RUN, step: 'transform-recipe', token: 2 }, never);
  onTestFinished(() => transform.close());
  await expect(checkTableKept(transform, 'raw_data', 1)).rejects.toMatchObject({
    code: 'TABLES_LOST',
    details: { table: 'raw_data', rows: 1 },
  });
  await checkTableKept(transform, 'raw_data', 0);
  await expect(checkTableKept(transform, 'processed', 0)).rejects.toMatchObject({
    code: 'TABLES_LOST',
    details: { table: 'processed', rows: 0 },
  });
});
