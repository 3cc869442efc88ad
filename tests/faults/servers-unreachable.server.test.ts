import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { type ExpectStatic, test, vi } from 'vitest';
import { schemaOfRun } from '#shared/postgis/run-schema.ts';
import { isArchived } from '#shared/run-control/resume-run.ts';
import type { Step } from '#shared/ledger/documents.ts';
import { startObjectStore } from '../../gateway/embedded/object-store.ts';
import { startPostgres } from '../../gateway/embedded/postgres.ts';
import { type RunningSluice, startSluice } from '../../gateway/start-sluice.ts';
import { newCluster } from '../cluster.ts';
import { STORE_KEYS, testEnv } from '../servers.ts';
import { SLEEP_IN_TRANSFORM } from '../fixtures/sleep-in-transform.ts';
import { type Batch, uploadBatch, VECTOR } from './batches.ts';

/**
 * PostgreSQL, which has the queue, the ledger and PostGIS, or the object store is stopped or crashes during runs. Each
 * test has its own servers. The tests mostly wait, so they are executed at the same time.
 */

const SAMPLE = resolve(import.meta.dirname, '../../gateway/console/sample/countries.zip');
/** The outage that runs must tolerate. */
const OUTAGE_MS = 20_000;
const BATCHES = ['één', 'två #2', 'tři 🌍'];
const TIMEOUT_MS = 120_000;

test.concurrent.for(['PostgreSQL', 'object store'] as const)(
  'after an outage of the %s for 20 s during runs, every run succeeds once and no working data remain',
  { timeout: 3 * TIMEOUT_MS },
  async (server, { expect }) => {
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
      await vi.waitFor(() => expectAllDone(servers.sluice, expect), { timeout: TIMEOUT_MS, interval: 200 });
    });
  },
);

test.concurrent(
  'after a crash of PostgreSQL, loaded runs are restarted, every run succeeds once, and no working data remain',
  { timeout: 3 * TIMEOUT_MS },
  async ({ expect }) => {
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
      await vi.waitFor(() => expectAllDone(sluice, expect), { timeout: TIMEOUT_MS, interval: 200 });
      const restarted = (await ledger.listRuns()).filter(({ restarts }) => restarts !== undefined);
      expect(restarted.length).toBeGreaterThan(0);
      for (const run of restarted)
        expect(await ledger.listActivity({ run_id: run.run_id })).toContainEqual(
          expect.objectContaining({ activity: 'run_restarted', operator: 'sluice' }),
        );
    });
  },
);

test.concurrent(
  'a run whose PostgreSQL process is killed 3 times fails and names the file; one kill fails no run',
  { timeout: 5 * TIMEOUT_MS },
  async ({ expect }) => {
    await withServers(async ({ sluice }) => {
      const { ledger } = sluice.context;
      const url = sluice.env.POSTGIS_URL ?? '';
      await query(url, SLEEP_IN_TRANSFORM);
      const start = async (batch: Batch, id: string) => {
        await uploadBatch(batch, id, id, sluice.context);
        await sluice.publishWaitingManifests();
        return vi.waitFor(async () => (await ledger.listRuns({ batch_id: id }))[0]!.run_id, { timeout: TIMEOUT_MS });
      };
      const good = ['good-1', 'good-2', 'good-3', 'good-4'];
      const bomb = await start(SLEEPING, 'bomb');
      const unlucky = await start(SLEEPING, 'unlucky');
      await start(VECTOR, good[0]!);

      // A killed process, and those that PostgreSQL ends with it, stay in pg_stat_activity for a moment.
      const ended = [await sleeper(url, bomb, []), await sleeper(url, unlucky, [])];
      await query(url, 'insert into awake values ($1)', [schemaOfRun(unlucky)]);
      process.kill(ended[1]!, 'SIGKILL');
      for (const id of good.slice(1)) {
        ended.push(await sleeper(url, bomb, ended));
        await start(VECTOR, id);
        process.kill(ended.at(-1)!, 'SIGKILL');
      }

      const runs = () => vi.waitFor(() => ledger.listRuns(), { timeout: TIMEOUT_MS });
      await vi.waitUntil(async () => (await runs()).every((run) => run.status !== 'running' && isArchived(run)), {
        timeout: 2 * TIMEOUT_MS,
        interval: 100,
      });
      const byBatch = new Map((await runs()).map((run) => [run.batch_id, run]));
      expect(byBatch.get('bomb')).toMatchObject({ status: 'failure', backend_deaths: 2 });
      expect(byBatch.get('bomb')?.error).toMatchObject({
        code: 'OUT_OF_MEMORY',
        message:
          `s3://landing-zone/bomb/schläft #1.geojson: The PostgreSQL process of run ${byBatch.get('bomb')?.run_id} ` +
          'was killed or crashed 3 times. A likely reason is that a feature needs more memory than the server has. ' +
          'Feature 2, counted from 1, has the most vertices (5). Step: transform-recipe.',
      });
      expect(byBatch.get('unlucky')).toMatchObject({ status: 'success', backend_deaths: 1 });
      for (const id of [...good, 'unlucky']) {
        expect(byBatch.get(id)).toMatchObject({ status: 'success', error: null });
        expect(await ledger.listAssets({ dataset_id: id })).toHaveLength(1);
      }
      // PostgreSQL drops the warning for a process that is sending then, so one kill may count for another run.
      const deaths = good.map((id) => byBatch.get(id)?.backend_deaths ?? 0);
      expect(deaths.reduce((sum, count) => sum + count)).toBeLessThanOrEqual(1);
      expect(await sluice.router.listDeadLetters()).toEqual([]);
      expect(await sluice.context.postgis.listRunSchemas()).toEqual([]);
    });
  },
);

/** A file with the field `sleep`. */
const SLEEPING: Batch = {
  ...VECTOR,
  files: [
    {
      name: 'schläft #1.geojson',
      type: 'vector',
      format: 'GeoJSON',
      body: JSON.stringify({
        type: 'FeatureCollection',
        features: [
          { type: 'Point', coordinates: [1, 2] },
          { type: 'LineString', coordinates: [0, 1, 2, 3, 4].map((x) => [x, x * x]) },
        ].map((geometry) => ({ type: 'Feature', properties: { sleep: 1 }, geometry })),
      }),
    },
  ],
};

async function query(url: string, sql: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined); // The statement rejects with the same error.
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

/** Process id of the server process that sleeps in a statement of the run, and is not one of `ended`. */
async function sleeper(url: string, runId: string, ended: number[]): Promise<number> {
  const sql = `select pid from pg_stat_activity
    where wait_event = 'PgSleep' and application_name like $1 and pid <> all ($2)`;
  const find = async () => {
    const [row] = await query(url, sql, [`sluice:${runId.replaceAll('-', '')}:%`, ended]);
    assert(row !== undefined, `No statement of ${runId} sleeps.`);
    return Number(row.pid);
  };
  return vi.waitFor(find, { timeout: TIMEOUT_MS, interval: 20 });
}

interface Servers {
  sluice: RunningSluice;
  stop(server: 'PostgreSQL' | 'object store'): Promise<void>;
  restart(server: 'PostgreSQL' | 'object store'): Promise<void>;
  /** Sends SIGQUIT: PostgreSQL ends without a checkpoint. The embedded server is restarted automatically. */
  crashPostgres(): void;
}

async function withServers(work: (servers: Servers) => Promise<void>): Promise<void> {
  const { folder, directory, remove } = newCluster();
  let postgres = await startPostgres(directory);
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
        if (server === 'PostgreSQL') postgres = await startPostgres(directory);
        else store = await startObjectStore({ ...storeOptions, port });
      },
      crashPostgres: () => void process.kill(postgres.pid, 'SIGQUIT'),
    });
  } finally {
    await sluice.stop();
    await Promise.all([postgres.stop(), store.stop()]);
    remove();
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

async function expectAllDone({ context, env, router }: RunningSluice, expect: ExpectStatic): Promise<void> {
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
