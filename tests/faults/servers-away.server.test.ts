import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import type { Step } from '#shared/ledger/documents.ts';
import { startObjectStore } from '../../gateway/embedded/object-store.ts';
import { startPostgres } from '../../gateway/embedded/postgres.ts';
import { type RunningSluice, startSluice } from '../../gateway/start.ts';
import { STORE_KEYS, testEnv } from '../servers.ts';

/** PostgreSQL, which has the queue, the ledger and PostGIS, or the object store is stopped or crashes during runs. */

const SAMPLE = resolve(import.meta.dirname, '../../gateway/console/sample/countries.zip');
/** The outage that the documentation promises to tolerate. */
const OUTAGE_MS = 20_000;
const BATCHES = ['één', 'två #2', 'tři 🌍'];
const TIMEOUT_MS = 120_000;

test.each(['PostgreSQL', 'object store'] as const)(
  'after an outage of the %s for 20 s during runs, every run succeeds once and no working data remain',
  async (server) => {
    await withServers(async (servers) => {
      for (const batch of BATCHES) await upload(servers.sluice, batch);
      await servers.sluice.publishWaitingManifests();
      await vi.waitUntil(
        async () =>
          (await servers.sluice.context.ledger.listRuns()).some((run) =>
            run.steps.some(({ status }) => status === 'running'),
          ),
        { timeout: TIMEOUT_MS, interval: 5 },
      );
      await servers.stop(server);
      await wait(OUTAGE_MS);
      await servers.restart(server);
      await vi.waitFor(() => expectAllDone(servers.sluice), { timeout: TIMEOUT_MS, interval: 200 });
    });
  },
  3 * TIMEOUT_MS,
);

test(
  'after a crash of PostgreSQL, loaded runs are restarted, every run succeeds once, and no working data remain',
  async () => {
    await withServers(async ({ sluice, crashPostgres }) => {
      const { ledger } = sluice.context;
      for (const batch of BATCHES) await upload(sluice, batch);
      await sluice.publishWaitingManifests();
      const isLoaded = (steps: Step[]) =>
        steps.some(({ name, status }) => name === 'load-to-postgis' && status === 'done');
      await vi.waitUntil(
        async () => (await ledger.listRuns()).some((run) => run.status === 'running' && isLoaded(run.steps)),
        { timeout: TIMEOUT_MS, interval: 2 },
      );
      crashPostgres();
      await vi.waitFor(() => expectAllDone(sluice), { timeout: TIMEOUT_MS, interval: 200 });
      const restarted = (await ledger.listRuns()).filter(({ restarts }) => restarts !== undefined);
      expect(restarted.length).toBeGreaterThan(0);
      for (const run of restarted)
        expect(await ledger.listActivity({ run_id: run.run_id })).toContainEqual(
          expect.objectContaining({ activity: 'run_restarted', operator: 'sluice' }),
        );
    });
  },
  3 * TIMEOUT_MS,
);

interface Servers {
  sluice: RunningSluice;
  stop(server: 'PostgreSQL' | 'object store'): Promise<void>;
  restart(server: 'PostgreSQL' | 'object store'): Promise<void>;
  /** Sends SIGQUIT: PostgreSQL ends without a checkpoint. The embedded server is restarted automatically. */
  crashPostgres(): void;
}

async function withServers(work: (servers: Servers) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-away-'));
  chmodSync(folder, 0o755); // PostgreSQL may run as another user.
  let postgres = await startPostgres(join(folder, 'postgres'));
  const storeOptions = {
    directory: join(folder, 's3'),
    buckets: ['landing-zone', 'data-lake'],
    keys: STORE_KEYS,
    onNotification: () => undefined,
  };
  let store = await startObjectStore({ ...storeOptions, port: 0 });
  const port = Number(new URL(store.endpoint).port);
  const sluice = await startSluice(
    testEnv({
      SLUICE_HOME: join(folder, 'home'),
      PORT: '0',
      S3_ENDPOINT: store.endpoint,
      CONTROL_DATABASE_URL: await postgres.database('control'),
      POSTGIS_URL: await postgres.database('spatial', { postgis: true }),
    }),
  );
  try {
    await work({
      sluice,
      stop: (server) => (server === 'PostgreSQL' ? postgres.stop() : store.stop()),
      restart: async (server) => {
        if (server === 'PostgreSQL') postgres = await startPostgres(join(folder, 'postgres'));
        else store = await startObjectStore({ ...storeOptions, port });
      },
      crashPostgres: () => void process.kill(postgres.pid, 'SIGQUIT'),
    });
  } finally {
    await sluice.stop();
    await Promise.all([postgres.stop(), store.stop()]);
    rmSync(postgres.data, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  }
}

async function upload({ context }: RunningSluice, batch: string): Promise<void> {
  await context.objects.put('landing-zone', `${batch}/countries.zip`, readFileSync(SAMPLE));
  await context.objects.put(
    'landing-zone',
    `manifests/${batch}.json`,
    JSON.stringify({
      batch_id: batch,
      uploader: 'zoë',
      intent: 'ingest_vector',
      files: [{ path: `s3://landing-zone/${batch}/countries.zip`, type: 'vector', format: 'ESRI Shapefile' }],
    }),
  );
}

async function expectAllDone({ context, env, router }: RunningSluice): Promise<void> {
  const runs = await context.ledger.listRuns();
  expect(
    runs.map((run) => [run.status, run.steps.every(({ status }) => status === 'done'), run.asset_ids.length]).sort(),
  ).toEqual(BATCHES.map(() => ['success', true, 1]));
  expect(await context.ledger.listAssets()).toHaveLength(BATCHES.length);
  expect(await router.listDeadLetters()).toEqual([]);
  expect(await context.postgis.listRunSchemas()).toEqual([]);
  expect(readdirSync(env.SCRATCH_DIR ?? '')).toEqual([]);
  const waiting = [];
  for await (const { key } of context.objects.list('landing-zone', 'manifests/')) waiting.push(key);
  expect(waiting).toEqual([]);
}
