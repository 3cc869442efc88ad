import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import pg from 'pg';
import { afterAll, describe, expect, test, vi } from 'vitest';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import { cancelRun } from '#shared/run-control/end-run.ts';
import { deleteWorkingData } from '#shared/run-control/working-data.ts';
import { schemaOfRun } from '#shared/postgis/run-schema.ts';
import { InProcessHost } from '#shared/runtime/in-process-host.ts';
import { createRouter } from '../../gateway/router/router.ts';
import { readStack } from '#shared/config/stack.ts';
import { inconsistencies } from '../lake-consistency.ts';
import { type Batch, BATCHES, datasetsOf, uploadBatch } from './batches.ts';
import { MISSED_AT_MOST, pointSampler, type Trial } from './sample-points.ts';
import { openVictims } from './victims.ts';
import { isStopped, PATIENCE_MS } from './worker-process.ts';

/**
 * A worker is frozen (SIGSTOP) at durable writes of a run, in PostGIS, the object store and the ledger. Meanwhile the run is
 * canceled, and archived by another process. Then the worker wakes up and goes on as if nothing had happened: nothing of it may land.
 */

const victims = await openVictims();
const { context, variables } = victims;
const { ledger, postgis } = context;
afterAll(victims.close);

const sample = pointSampler();
const recorded: { batch: Batch; freezes: Trial[] }[] = [];
for (const batch of BATCHES) {
  const points = await victims.record(batch);
  // From the run's admission to its success: before and after, there is nothing to cancel.
  const first = points.findIndex(({ name }) => name.startsWith('sql with manifest'));
  const last = points.findIndex(({ name }) => name.startsWith('sql update ledger.manifests'));
  recorded.push({ batch, freezes: sample(points.slice(first + 1, last)) });
}
const tables = await tablesOutsideRuns();

describe.each(recorded)('$batch.title:', ({ batch, freezes }) => {
  const missed: string[] = [];

  test.for(freezes)(
    'a worker that is frozen before $name and resumes after the canceledError writes nothing',
    { timeout: 2 * PATIENCE_MS },
    async ({ index, point, name }, { skip }) => {
      const batchId = `späte #${index} ${batch.title}`;
      const worker = await victims.start({
        VICTIM_POINT: JSON.stringify(point),
        VICTIM_WHEN: 'before',
        VICTIM_SIGNAL: 'SIGSTOP',
      });
      const ended = once(worker, 'close');
      try {
        const run = await frozenRun(batch, batchId, worker);
        if (run?.status !== 'running') {
          worker.kill('SIGCONT');
          await vi.waitUntil(() => victims.isOver(batchId), { timeout: PATIENCE_MS, interval: 10 });
          expect(await victims.runOf(batchId)).toMatchObject({ status: 'success' });
          missed.push(name);
          return skip('The run ended before this write, so it could not be canceled.');
        }
        await cancelAndArchive(run);
        const datasets = datasetsOf(batch, run.dataset_id);
        const before = await landed(run, datasets);
        worker.kill('SIGCONT');
        worker.kill('SIGTERM'); // It lets the work under way end for a moment, and that is when a late write would come.
        await ended;
        expect(await landed(run, datasets)).toEqual(before);
        await nothingLeft(run, datasets);
      } finally {
        worker.kill('SIGKILL');
        await ended;
      }
    },
  );

  test('most writes occur, so that the worker is frozen there', () => {
    expect(missed.length, missed.join('\n')).toBeLessThanOrEqual(freezes.length * MISSED_AT_MOST);
  });

  test('the ledger, the lake and the catalog agree afterward', async () => {
    expect(await inconsistencies(context)).toEqual([]);
  });
});

/** The run as it stands when the worker is frozen. Where the write does not come this time, it goes on to its end. */
async function frozenRun(batch: Batch, batchId: string, worker: ChildProcess): Promise<RunDocument | undefined> {
  await uploadBatch(batch, batchId, `d-${batchId.replace(/\W+/g, '-')}`, context);
  worker.stdin?.write('go\n');
  await vi.waitUntil(async () => isStopped(worker) || (await victims.isOver(batchId)), {
    timeout: PATIENCE_MS,
    interval: 10,
  });
  return victims.runOf(batchId);
}

/** As another gateway does it, with workers of its own. */
async function cancelAndArchive(run: RunDocument): Promise<void> {
  const stack = await readStack();
  const router = await createRouter({
    databaseUrl: variables.CONTROL_DATABASE_URL,
    stack,
    host: new InProcessHost(context),
    env: context.env,
    log: SILENT_LOG,
    drainMs: 100,
  });
  try {
    await router.start();
    await cancelRun(run.run_id, 'ana', { ledger, router });
    await vi.waitUntil(() => victims.isOver(run.batch_id), { timeout: PATIENCE_MS, interval: 10 });
  } finally {
    await router.stop();
  }
}

/**
 * All that a run can write and that outlives it. An asset that was registered before the cancel stays, and its catalog records, which
 * follow from it, may come late; so may the line that says that the run began.
 */
async function landed(run: RunDocument, datasets: string[]) {
  return {
    run: await ledger.getRun(run.run_id),
    manifest: await ledger.getManifest(run.manifest_id),
    assets: await assetsOf(datasets),
    activity: (await ledger.listActivity({ run_id: run.run_id })).filter(({ activity }) => activity !== 'run_started'),
    lake: await objectsOf(datasets),
    landing: await victims.keys('landing-zone', run.tags.manifest_key),
  };
}

async function nothingLeft(run: RunDocument, datasets: string[]): Promise<void> {
  const now = await ledger.getRun(run.run_id);
  expect(now).toMatchObject({ status: 'canceled', error: { code: 'CANCELED' } });
  expect(now?.steps.map(({ status }) => status)).not.toContain('running');
  expect(await ledger.getManifest(run.manifest_id)).toMatchObject({
    status: 'canceled',
    archive_key: `archive/${run.tags.manifest_key}`,
  });
  expect(await objectsOf(datasets)).toEqual((await assetsOf(datasets)).map(({ s3_key }) => s3_key));
  expect(await postgis.listRunSchemas()).not.toContain(schemaOfRun(run.run_id));
  expect(await tablesOutsideRuns()).toEqual(tables);
  await deleteWorkingData(context, { ownPostgis: true }); // A worker that was told to stop may not have had the time; the next start does it.
  expect(victims.scratch().filter((name) => name.startsWith(run.run_id))).toEqual([]);
}

const assetsOf = async (datasets: string[]) =>
  (await Promise.all(datasets.map((dataset_id) => ledger.listAssets({ dataset_id })))).flat();

/** Data of the lake, without the records about it. */
const objectsOf = async (datasets: string[]) =>
  (await Promise.all(datasets.map((dataset) => victims.keys('data-lake', `${dataset}/`))))
    .flat()
    .filter((key) => /\.(parquet|tif)$/.test(key));

/** Tables that a statement without its schema would make in another one. */
async function tablesOutsideRuns(): Promise<string[]> {
  const client = new pg.Client({ connectionString: variables.POSTGIS_URL });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      `select schemaname || '.' || tablename as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema') and schemaname !~ '^proc_' order by 1`,
    );
    return rows.map(({ name }) => name);
  } finally {
    await client.end();
  }
}
