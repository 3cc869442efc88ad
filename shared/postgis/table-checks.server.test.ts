import { expect, onTestFinished, test, vi } from 'vitest';
import { startPostgres } from '../../gateway/embedded/postgres.ts';
import { newCluster } from '../../tests/cluster.ts';
import { checkTableKept } from './table-checks.ts';
import { PgPostgis } from './pg-postgis.ts';

const RUN = '0d4a1f6e-2f64-8c11-9a3e-0123456789ab';
const never = new AbortController().signal;

/** A separate cluster, because the test crashes it. */
async function startCluster() {
  const cluster = newCluster();
  const postgres = await startPostgres(cluster.directory);
  onTestFinished(async () => {
    await postgres.stop();
    cluster.remove();
  });
  return postgres;
}

test('a table that a crash of PostgreSQL emptied is reported; kept rows and tables without rows are not', async () => {
  const postgres = await startCluster();
  const postgis = new PgPostgis(await postgres.database('spatial', { postgis: true }));
  onTestFinished(() => postgis.close());
  const load = await postgis.openSession({ runId: RUN, step: 'load-to-postgis', token: 1 }, never);
  await load.query('create unlogged table raw_data as select 1 as id');
  await checkTableKept(load, 'raw_data', 1);
  // Without a checkpoint the crash could remove the whole schema (synchronous_commit = off).
  await load.query('checkpoint');

  const crashed = postgres.pid;
  process.kill(crashed, 'SIGKILL');
  await vi.waitUntil(() => postgres.pid !== crashed, { timeout: 20_000 });
  const transform = await postgis.openSession({ runId: RUN, step: 'transform-recipe', token: 2 }, never);
  onTestFinished(() => transform.close());
  await expect(checkTableKept(transform, 'raw_data', 1)).rejects.toMatchObject({
    code: 'TABLES_LOST',
    message: `The working tables of run ${RUN} were lost in a crash of PostgreSQL; raw_data had 1 row.`,
    details: { table: 'raw_data', rows: 1 },
  });
  await checkTableKept(transform, 'raw_data', 0);
  await expect(checkTableKept(transform, 'processed', 0)).rejects.toMatchObject({
    code: 'TABLES_LOST',
    details: { table: 'processed', rows: 0 },
  });
});
