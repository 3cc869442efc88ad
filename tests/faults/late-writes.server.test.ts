import type { ChildProcess } from 'node:child_process';
import pg from 'pg';
import { afterAll, describe, expect, onTestFailed, test, vi } from 'vitest';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import { cancelRun } from '#shared/run-control/end-run.ts';
import { schemaOfRun } from '#shared/postgis/run-schema.ts';
import { InProcessCaller } from '#shared/runtime/in-process-caller.ts';
import { createRouter } from '../../gateway/router/queue-router.ts';
import { readStack } from '#shared/config/stack.ts';
import { inconsistencies } from '../lake-consistency.ts';
import { type Batch, BATCHES, datasetsOf, uploadBatch } from './batches.ts';
import type { WritePoint } from './durable-writes.ts';
import { MAX_MISSED_SHARE, pointSampler, type Trial } from './sample-points.ts';
import { openKilledSluices } from './victims.ts';
import { isStopped, kill, TIMEOUT_MS } from './worker-process.ts';

/**
 * Stops a worker (SIGSTOP) at durable writes of a run: in PostGIS, the object store and the ledger. Another process
 * cancels and archives the run. After that, the worker continues (SIGCONT), and none of its writes may succeed: a
 * canceled run leaves no version in the ledger, the lake and the catalog. The same worker processes all batches.
 */

const servers = await openKilledSluices();
const { context, variables } = servers;
const { ledger, postgis } = context;
afterAll(servers.close);

/** The write that ends a run with success and completes its assets. */
const SUCCESS = 'sql with run as ( update ledger.runs';

const sample = pointSampler();
const recorded: { batch: Batch; stops: Trial[] }[] = [];
for (const batch of BATCHES) {
  const points = await servers.record(batch);
  // A run can be canceled between its admission and its success only.
  const first = points.findIndex(({ name }) => name.startsWith('sql with manifest'));
  const last = points.findIndex(({ name }) => name.startsWith(SUCCESS));
  expect(last, 'the write that ends the run with success').toBeGreaterThan(first);
  recorded.push({ batch, stops: sample(points.slice(first + 1, last + 1)) });
}
const tables = await tablesOutsideRuns();

describe.each(recorded)('$batch.title:', ({ batch, stops }) => {
  const missed: string[] = [];

  test.for(stops)(
    'a worker that is stopped before $name and continues after the cancellation writes nothing',
    { timeout: 2 * TIMEOUT_MS },
    async ({ index, point, name }, { skip }) => {
      if (await writesNothingAfterCancellation(batch, `späte #${index} ${batch.title}`, point)) return;
      missed.push(name);
      skip('The run ended before this write, so it could not be canceled.');
    },
  );

  test('the worker is stopped at most of the selected writes', () => {
    expect(missed.length, missed.join('\n')).toBeLessThanOrEqual(stops.length * MAX_MISSED_SHARE);
  });

  test('the ledger, the lake and the catalog are consistent', async () => {
    expect(await inconsistencies(context)).toEqual([]);
  });
});

/** Returns false if the run ended before the write. */
async function writesNothingAfterCancellation(batch: Batch, batchId: string, point: WritePoint): Promise<boolean> {
  const worker = await servers.running();
  onTestFailed(() => kill(worker)); // The next test starts another one.
  const run = await runOfStoppedWorker(batch, batchId, worker, point);
  if (run?.status !== 'running') {
    await servers.unarm(worker);
    await vi.waitUntil(() => servers.isOver(batchId), { timeout: TIMEOUT_MS, interval: 10 });
    expect(await servers.runOf(batchId)).toMatchObject({ status: 'success' });
    await servers.noDeliveries();
    return false;
  }
  await cancelAndArchive(run);
  const datasets = datasetsOf(batch, run.dataset_id);
  const before = await writtenBy(run, datasets);
  worker.kill('SIGCONT');
  // The worker ends the function that was stopped. A late write could happen before that.
  await servers.noDeliveries();
  expect(await writtenBy(run, datasets)).toEqual(before);
  await expectNoWorkingData(run, datasets);
  return true;
}

/** The run when the worker is stopped. If the write does not occur this time, the run when it is archived. */
async function runOfStoppedWorker(
  batch: Batch,
  batchId: string,
  worker: ChildProcess,
  point: WritePoint,
): Promise<RunDocument | undefined> {
  await uploadBatch(batch, batchId, `d-${batchId.replace(/\W+/g, '-')}`, context);
  servers.go(worker, { target: { point, when: 'before', action: 'SIGSTOP' } });
  await vi.waitUntil(async () => isStopped(worker) || (await servers.isOver(batchId)), {
    timeout: TIMEOUT_MS,
    interval: 10,
  });
  return servers.runOf(batchId);
}

/** Cancels and archives the run with another router and its own functions. */
async function cancelAndArchive(run: RunDocument): Promise<void> {
  const stack = await readStack();
  const router = await createRouter({
    databaseUrl: variables.CONTROL_DATABASE_URL,
    stack,
    caller: new InProcessCaller(context),
    env: context.env,
    log: SILENT_LOG,
    drainMs: 100,
  });
  try {
    await router.start();
    await cancelRun(run.run_id, 'ana', { ledger, router });
    await vi.waitUntil(() => servers.isOver(run.batch_id), { timeout: TIMEOUT_MS, interval: 10 });
  } finally {
    await router.stop();
  }
}

/**
 * Everything that a run can write and that is kept after it. The activity run_started may be late and is not included.
 */
async function writtenBy(run: RunDocument, datasets: string[]) {
  return {
    run: await ledger.getRun(run.run_id),
    manifest: await ledger.getManifest(run.manifest_id),
    assets: await assetsOf(datasets),
    activity: (await ledger.listActivity({ run_id: run.run_id })).filter(({ activity }) => activity !== 'run_started'),
    lake: await objectsOf(datasets),
    landing: await servers.keys('landing-zone', run.tags.manifest_key),
  };
}

async function expectNoWorkingData(run: RunDocument, datasets: string[]): Promise<void> {
  const now = await ledger.getRun(run.run_id);
  expect(now).toMatchObject({ status: 'canceled', error: { code: 'CANCELED' } });
  expect(now?.steps.map(({ status }) => status)).not.toContain('running');
  expect(await ledger.getManifest(run.manifest_id)).toMatchObject({
    status: 'canceled',
    archive_key: `archive/${run.tags.manifest_key}`,
  });
  expect(await assetsOf(datasets), 'versions of a canceled run').toEqual([]);
  for (const dataset of datasets) expect(await servers.keys('data-lake', `${dataset}/`)).toEqual([]);
  expect(await postgis.listRunSchemas()).not.toContain(schemaOfRun(run.run_id));
  expect(await tablesOutsideRuns()).toEqual(tables);
  expect(servers.scratch().filter((name) => name.startsWith(run.run_id))).toEqual([]);
}

const assetsOf = async (datasets: string[]) =>
  (await Promise.all(datasets.map((dataset_id) => ledger.listAssets({ dataset_id })))).flat();

/** The keys of data files in the lake, without catalog documents. */
const objectsOf = async (datasets: string[]) =>
  (await Promise.all(datasets.map((dataset) => servers.keys('data-lake', `${dataset}/`))))
    .flat()
    .filter((key) => /\.(parquet|tif)$/.test(key));

/** Tables outside the run schemas. A statement without a schema name could create one. */
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
