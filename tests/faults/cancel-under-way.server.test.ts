import { readdirSync, readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cancelRun } from '#shared/run-control/end-run.ts';
import { isArchived } from '#shared/run-control/resume-run.ts';
import { loadedRun } from '../loaded-run.ts';
import { startTestSluice, type TestSluice } from '../running-sluice.ts';

/**
 * The cancellation of a run ends its active program and its active statement. Without the cancellation, neither would
 * end within the timeout of the test.
 */

const TIMEOUT_MS = 60_000;
/** Enough for the load to be observed before it ends. */
const POINTS = 500_000;
let sluice: TestSluice;
let observer: pg.Client;
beforeAll(async () => {
  sluice = await startTestSluice();
  observer = new pg.Client({ connectionString: sluice.env.POSTGIS_URL });
  await observer.connect();
});
afterAll(async () => {
  await observer.end();
  await sluice[Symbol.asyncDispose]();
});

/** The active statements of the sessions of a step. */
const statements = async (runId: string, step: string) => {
  const { rows } = await observer.query<{ query: string }>(
    `select query from pg_stat_activity where starts_with(application_name, $1) and state = 'active'`,
    [`sluice:${runId.replaceAll('-', '')}:${step}:`],
  );
  return rows.map(({ query }) => query);
};

/** The process ids of the programs that write to the run schema. Their PGAPPNAME contains the run id. */
const programs = (runId: string) =>
  readdirSync('/proc').filter((pid) => {
    try {
      return (
        /^\d+$/.test(pid) &&
        readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`PGAPPNAME=sluice:${runId.replaceAll('-', '')}:`)
      );
    } catch {
      return false; // The process has ended, or belongs to another user.
    }
  });

/** Cancels the run and waits until none of its programs and statements is active. */
const cancelAndWait = async (runId: string) => {
  await cancelRun(runId, 'ana', { ledger: sluice.context.ledger, router: sluice.router });
  await expect
    .poll(
      async () => [
        await statements(runId, 'load-to-postgis'),
        await statements(runId, 'transform-recipe'),
        programs(runId),
      ],
      { timeout: TIMEOUT_MS, interval: 10 },
    )
    .toEqual([[], [], []]);
  await expect
    .poll(async () => isArchived((await sluice.context.ledger.getRun(runId)) ?? { steps: [] }), {
      timeout: TIMEOUT_MS,
    })
    .toBe(true);
  expect(await sluice.context.ledger.getRun(runId)).toMatchObject({ status: 'canceled' });
  expect(await sluice.context.postgis.listRunSchemas()).toEqual([]);
};

test(
  'a cancellation ends a load by ogr2ogr',
  async () => {
    const { objects, ledger } = sluice.context;
    const features = Array.from({ length: POINTS }, (_, id) => ({
      type: 'Feature',
      properties: { id },
      geometry: { type: 'Point', coordinates: [(id % 360) - 180, (id % 180) - 90] },
    }));
    const path = 's3://landing-zone/viele é #1.geojson';
    await objects.put('landing-zone', 'viele é #1.geojson', JSON.stringify({ type: 'FeatureCollection', features }));
    await objects.put(
      'landing-zone',
      'manifests/viele.json',
      JSON.stringify({
        batch_id: 'viele',
        uploader: 'ana',
        intent: 'ingest_vector',
        files: [{ path, type: 'vector', format: 'GeoJSON' }],
      }),
    );
    const runId = async () =>
      (await ledger.listRuns({ batch_id: 'viele' }))[0]?.run_id ?? '00000000-0000-8000-8000-000000000000';
    await expect
      .poll(async () => (await statements(await runId(), 'load-to-postgis')).join(), {
        timeout: TIMEOUT_MS,
        interval: 10,
      })
      .toMatch(/^COPY/);
    expect(programs(await runId()).length).toBeGreaterThan(0);
    // Stopped programs do not end by themselves, so only the cancellation can end them.
    for (const pid of programs(await runId())) process.kill(Number(pid), 'SIGSTOP');
    await cancelAndWait(await runId());
  },
  2 * TIMEOUT_MS,
);

test(
  'a cancellation ends a statement of a recipe',
  async () => {
    const { run, loaded } = await loadedRun(sluice.context, {
      srid: 27700,
      rowCount: 1,
      sql: `create view raw_data as
        select 1 as sluice_fid, ST_SetSRID(ST_MakePoint(n, n), 27700) as geom from generate_series(1, 2) as n, pg_sleep(600)`,
    });
    await sluice.router.publish(loaded);
    await expect
      .poll(async () => (await statements(run.run_id, 'transform-recipe')).join(), {
        timeout: TIMEOUT_MS,
        interval: 10,
      })
      .toMatch(/raw_data/);
    await cancelAndWait(run.run_id);
  },
  2 * TIMEOUT_MS,
);
