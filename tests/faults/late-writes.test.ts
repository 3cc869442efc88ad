import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { afterAll, expect, test, vi } from 'vitest';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { log } from '#shared/log/log.ts';
import { cancel } from '#shared/runs/cancel.ts';
import { isArchived } from '#shared/runs/due-event.ts';
import { schemaOfRun } from '#shared/postgis/run-schema.ts';
import { InProcessHost } from '#shared/runtime/in-process-host.ts';
import { openContext } from '#shared/runtime/make-context.ts';
import { createRouter } from '../../gateway/router/router.ts';
import { readStack } from '../../gateway/stack.ts';
import { createDatabase, startObjectStore, testEnv } from '../servers.ts';
import type { WritePoint } from './durable-writes.ts';

/**
 * A worker is frozen (SIGSTOP) at each durable write of a run, in PostGIS, the object store and the ledger. Meanwhile the run is
 * canceled, and archived by another process. Then the worker wakes up and goes on as if nothing had happened: nothing of it may land.
 */

const SAMPLE = resolve(import.meta.dirname, '../data/sample/countries.zip');
const PATIENCE_MS = 60_000;

const [control, spatial, store] = await Promise.all([createDatabase(), createDatabase({ postgis: true }), startObjectStore()]);
const home = mkdtempSync(join(tmpdir(), 'sluice-late-'));
const variables = { SLUICE_HOME: home, SCRATCH_DIR: join(home, 'scratch'), PORT: '0', CONTROL_DATABASE_URL: control.url, POSTGIS_URL: spatial.url, S3_ENDPOINT: store.endpoint };
const context = await openContext(testEnv(variables));
const { ledger, objects, postgis } = context;
const points = await recordWrites();
const tables = await tablesOutsideRuns();

afterAll(async () => {
  await context[Symbol.asyncDispose]();
  await store.stop();
  await Promise.all([control.drop(), spatial.drop()]);
});

/** From the run's admission to its success. Of writes that are alike (of the queue, say) one tells the story, unless SLUICE_TEST_ALL is set. */
const first = points.findIndex(({ name }) => name.startsWith('sql with manifest'));
const last = points.findIndex(({ name }) => name.startsWith('sql update ledger.manifests'));
const freezes = points.slice(first + 1, last)
  .filter(({ name }, index, all) => process.env.SLUICE_TEST_ALL !== undefined || all.findIndex((other) => other.name === name) === index)
  .map((point, index) => ({ index, point, name: `${point.name} (${point.occurrence})` }));

test.each(freezes)('frozen before $name and awake after the cancel, a worker writes nothing', async ({ index, point }) => {
  const batch = `späte #${index}`;
  const worker = await startWorker({ VICTIM_POINT: JSON.stringify(point), VICTIM_WHEN: 'before', VICTIM_SIGNAL: 'SIGSTOP' });
  const ended = once(worker, 'close');
  try {
    await upload(batch);
    worker.stdin?.write('go\n');
    await vi.waitUntil(async () => isStopped(worker) || (await runOf(batch))?.steps.every(({ status }) => status === 'done'), { timeout: PATIENCE_MS, interval: 10 });
    const run = await runOf(batch);
    if (run?.status !== 'running') return; // Not admitted yet, or over: there is nothing to cancel.
    await cancelAndArchive(run);
    const before = await landed(run);
    worker.kill('SIGCONT');
    worker.kill('SIGTERM'); // It lets the work under way end for a moment, and that is when a late write would come.
    await ended;
    expect(await landed(run)).toEqual(before);
    await nothingLeft(run);
  } finally {
    worker.kill('SIGKILL');
    await ended;
  }
}, 2 * PATIENCE_MS);

/** As another gateway does it, with workers of its own. */
async function cancelAndArchive(run: RunDocument): Promise<void> {
  const stack = await readStack(new URL('../../stack.yml', import.meta.url));
  const router = await createRouter({ databaseUrl: control.url, stack, host: new InProcessHost(context), env: context.env, log, drainMs: 100 });
  try {
    await router.start();
    await cancel(run.run_id, 'ana', { ledger, router });
    await vi.waitUntil(async () => isArchived((await ledger.getRun(run.run_id)) ?? run), { timeout: PATIENCE_MS, interval: 10 });
  } finally {
    await router.stop();
  }
}

/**
 * All that a run can write and that outlives it. An asset that was registered before the cancel stays, and its catalogue records, which
 * follow from it, may come late; so may the line that says that the run began.
 */
async function landed(run: RunDocument) {
  return {
    run: await ledger.getRun(run.run_id),
    manifest: await ledger.getManifest(run.manifest_id),
    assets: await ledger.listAssets({ dataset_id: run.dataset_id }),
    activity: (await ledger.listActivity({ run_id: run.run_id })).filter(({ activity }) => activity !== 'run_started'),
    lake: (await keys('data-lake', `${run.dataset_id}/`)).filter(isAsset),
    landing: await keys('landing-zone', run.tags.manifest_key),
  };
}

async function nothingLeft(run: RunDocument): Promise<void> {
  const now = await ledger.getRun(run.run_id);
  expect(now).toMatchObject({ status: 'canceled', error: { code: 'CANCELED' } });
  expect(now?.steps.map(({ status }) => status)).not.toContain('running');
  expect(await ledger.getManifest(run.manifest_id)).toMatchObject({ status: 'canceled', archive_key: `archive/${run.tags.manifest_key}` });
  const assets = await ledger.listAssets({ dataset_id: run.dataset_id });
  const lake = await keys('data-lake', `${run.dataset_id}/`);
  expect(lake.filter(isAsset)).toEqual(assets.map(({ s3_key }) => s3_key));
  expect(await postgis.listRunSchemas()).not.toContain(schemaOfRun(run.run_id));
  expect(await tablesOutsideRuns()).toEqual(tables);
  const scratch = existsSync(variables.SCRATCH_DIR) ? readdirSync(variables.SCRATCH_DIR) : [];
  expect(scratch.filter((name) => name.startsWith(run.run_id))).toEqual([]);
}

async function recordWrites(): Promise<WritePoint[]> {
  const record = join(home, 'writes.jsonl');
  const worker = await startWorker({ VICTIM_RECORD: record });
  const ended = once(worker, 'close');
  try {
    await upload('undisturbed');
    worker.stdin?.write('go\n');
    await vi.waitUntil(async () => (await runOf('undisturbed'))?.steps.every(({ status }) => status === 'done'), { timeout: PATIENCE_MS, interval: 50 });
  } finally {
    worker.kill('SIGTERM');
    await ended;
  }
  return readFileSync(record, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as WritePoint);
}

async function startWorker(extra: Record<string, string>): Promise<ChildProcess> {
  const child = spawn('node', [join(import.meta.dirname, 'victim.ts')], { env: { ...process.env, LOG_LEVEL: 'silent', ...variables, ...extra }, stdio: ['pipe', 'pipe', 'inherit'] });
  const ready = child.stdout ? once(child.stdout, 'data') : Promise.resolve();
  await Promise.race([ready, once(child, 'close').then(() => { throw new Error('The worker ended before it was ready.'); })]);
  return child;
}

/** The state of a process is the first field after its name: proc(5). */
function isStopped({ pid }: ChildProcess): boolean {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
}

async function runOf(batch: string): Promise<RunDocument | undefined> {
  return (await ledger.listRuns({ batch_id: batch }))[0];
}

async function upload(batch: string): Promise<void> {
  const file = `${batch}/länder #1.zip`;
  await objects.put('landing-zone', file, readFileSync(SAMPLE));
  await objects.put('landing-zone', `manifests/${batch}.json`, JSON.stringify({
    batch_id: batch, uploader: 'ana', intent: 'ingest_vector',
    files: [{ path: `s3://landing-zone/${file}`, type: 'vector', format: 'ESRI Shapefile' }],
    metadata: { tags: { dataset_id: `d-${batch.replace(/\W+/g, '-')}` } },
  }));
}

const isAsset = (key: string) => key.endsWith('.parquet');

async function keys(bucket: string, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of objects.list(bucket, prefix)) found.push(key);
  return found;
}

/** Tables that a statement without its schema would make in another one. */
async function tablesOutsideRuns(): Promise<string[]> {
  const client = new pg.Client({ connectionString: spatial.url });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(`select schemaname || '.' || tablename as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema') and schemaname !~ '^proc_' order by 1`);
    return rows.map(({ name }) => name);
  } finally {
    await client.end();
  }
}
