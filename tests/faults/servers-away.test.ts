import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { startObjectStore } from '../../gateway/embedded/object-store.ts';
import { startPostgres } from '../../gateway/embedded/postgres.ts';
import { type RunningSluice, startSluice } from '../../gateway/start.ts';
import { testEnv } from '../servers.ts';

/** PostgreSQL (queue, ledger and PostGIS at once) or the object store goes away in the middle of runs, and comes back. */

const SAMPLE = resolve(import.meta.dirname, '../data/sample/countries.zip');
/** The outage that Sluice promises to sit out. */
const OUTAGE_MS = 20_000;
const BATCHES = ['één', 'två #2', 'tři 🌍'];
const PATIENCE_MS = 120_000;

test.each(['PostgreSQL', 'object store'] as const)('%s goes away for 20 s in the middle of runs: every run succeeds, once, and nothing is left', async (server) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-away-'));
  chmodSync(folder, 0o755); // PostgreSQL may run as another user.
  let postgres = await startPostgres(join(folder, 'postgres'));
  const storeOptions = { directory: join(folder, 's3'), buckets: ['landing-zone', 'data-lake'], onNotification: () => undefined };
  let store = await startObjectStore({ ...storeOptions, port: 0 });
  const port = Number(new URL(store.endpoint).port);
  const sluice = await startSluice(testEnv({
    SLUICE_HOME: join(folder, 'home'), PORT: '0', S3_ENDPOINT: store.endpoint,
    CONTROL_DATABASE_URL: await postgres.database('control'), POSTGIS_URL: await postgres.database('spatial', { postgis: true }),
  }));
  try {
    for (const batch of BATCHES) await upload(sluice, batch);
    await sluice.announceWaiting();
    await vi.waitUntil(async () => (await sluice.context.ledger.listRuns()).some((run) => run.steps.some(({ status }) => status === 'running')), { timeout: PATIENCE_MS, interval: 5 });

    await (server === 'PostgreSQL' ? postgres.stop() : store.stop());
    await wait(OUTAGE_MS);
    if (server === 'PostgreSQL') postgres = await startPostgres(join(folder, 'postgres'));
    else store = await startObjectStore({ ...storeOptions, port });

    await vi.waitFor(() => everythingIsDone(sluice), { timeout: PATIENCE_MS, interval: 200 });
  } finally {
    await sluice.stop();
    await Promise.all([postgres.stop(), store.stop()]);
    rmSync(postgres.data, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  }
}, 3 * PATIENCE_MS);

async function upload({ context }: RunningSluice, batch: string): Promise<void> {
  await context.objects.put('landing-zone', `${batch}/countries.zip`, readFileSync(SAMPLE));
  await context.objects.put('landing-zone', `manifests/${batch}.json`, JSON.stringify({
    batch_id: batch, uploader: 'zoë', intent: 'ingest_vector', files: [{ path: `s3://landing-zone/${batch}/countries.zip`, type: 'vector', format: 'ESRI Shapefile' }],
  }));
}

async function everythingIsDone({ context, env, router }: RunningSluice): Promise<void> {
  const runs = await context.ledger.listRuns();
  expect(runs.map((run) => [run.status, run.steps.every(({ status }) => status === 'done'), run.asset_ids.length]).sort()).toEqual(BATCHES.map(() => ['success', true, 1]));
  expect(await context.ledger.listAssets()).toHaveLength(BATCHES.length);
  expect(await router.listDeadLetters()).toEqual([]);
  expect(await context.postgis.listRunSchemas()).toEqual([]);
  expect(readdirSync(env.SCRATCH_DIR ?? '')).toEqual([]);
  const waiting = [];
  for await (const { key } of context.objects.list('landing-zone', 'manifests/')) waiting.push(key);
  expect(waiting).toEqual([]);
}
