import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type EmbeddedPostgres, startPostgres } from '../../../gateway/embedded/postgres.ts';
import { type ClusterFolder, newCluster } from '../../../tests/cluster.ts';
import { admitBatch } from '../../../tests/fixtures/documents.ts';
import { claimed } from '../../../tests/contract/samples.ts';
import type { Ledger } from '../ledger.ts';
import { openPostgresLedger } from './postgres-ledger.ts';

/** A separate server, because the test stops it. */
let cluster: ClusterFolder;
let postgres: EmbeddedPostgres;
let ledger: Ledger;
beforeAll(async () => {
  cluster = newCluster();
  postgres = await startPostgres(cluster.directory);
  ledger = await openPostgresLedger(await postgres.database('control'));
});
afterAll(async () => {
  await ledger.close();
  await postgres.stop();
  cluster.remove();
});

test('operations fail while the server is stopped, and work after its start; changes are received again', async () => {
  const heard: string[] = [];
  await ledger.watchRuns((runId) => heard.push(runId), new AbortController().signal);
  const run = await admitBatch(ledger);
  await vi.waitFor(() => expect(heard).toContain(run.run_id));

  await postgres.stop();
  const unavailable = { code: 'DATABASE_UNAVAILABLE', retryable: true };
  await expect(ledger.getRun(run.run_id)).rejects.toMatchObject(unavailable);
  await expect(ledger.ping()).rejects.toMatchObject(unavailable);
  await expect(claimed(ledger, run, 'load-to-postgis')).rejects.toMatchObject(unavailable);

  postgres = await startPostgres(cluster.directory);
  await ledger.ping();
  heard.length = 0;
  const claim = await claimed(ledger, run, 'load-to-postgis');
  await vi.waitFor(
    async () => {
      await ledger.releaseStep(claim, { code: 'INTERNAL', message: 'again', details: {} });
      const later = await admitBatch(ledger);
      await vi.waitFor(() => expect(heard).toContain(later.run_id), { timeout: 500 });
    },
    { timeout: 30_000 },
  );
});

test('operations succeed after the server terminated every session', async () => {
  const run = await admitBatch(ledger);
  const work = Promise.allSettled(Array.from({ length: 200 }, () => ledger.getRun(run.run_id)));
  await postgres.stop();
  const results = await work;
  for (const result of results)
    if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  postgres = await startPostgres(cluster.directory);
  expect(await ledger.getRun(run.run_id)).toEqual(run);
});

test('opening fails without a server', async () => {
  await expect(openPostgresLedger('postgresql://nobody@127.0.0.1:1/none')).rejects.toMatchObject({
    code: 'DATABASE_UNAVAILABLE',
  });
});
