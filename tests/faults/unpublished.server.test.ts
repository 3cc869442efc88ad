import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { canceledError } from '#shared/run-control/end-run.ts';
import { planRerun } from '#shared/run-control/rerun.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import { openContext } from '#shared/runtime/make-context.ts';
import { type RunningSluice, startSluice } from '../../gateway/start-sluice.ts';
import { controlVariables, createDatabase, startObjectStore, testEnv } from '../servers.ts';

/**
 * A process crashes after it stored a rerun or a cancellation in the ledger, and before it published the event. The
 * next start of Sluice publishes it immediately.
 */

const SAMPLE = resolve(import.meta.dirname, '../../gateway/console/sample/countries.zip');
/** Shorter than the minute after which monitor-runs would resume the run. */
const TIMEOUT_MS = 20_000;

const [control, spatial, store] = await Promise.all([
  createDatabase(),
  createDatabase({ postgis: true }),
  startObjectStore(),
]);
const home = mkdtempSync(join(tmpdir(), 'sluice-unpublished-'));
const env = testEnv({
  SLUICE_HOME: home,
  PORT: '0',
  ...controlVariables(control.url),
  POSTGIS_URL: spatial.url,
  S3_ENDPOINT: store.endpoint,
});
afterAll(async () => {
  await store.stop();
  await Promise.all([control.drop(), spatial.drop()]);
});

test('the next start executes a rerun, and archives a canceled run, whose events were not published', async () => {
  const first = await withSluice(async (sluice) => {
    await upload(sluice, 'wiederholt é #1');
    return archived(sluice, (run) => run.batch_id === 'wiederholt é #1');
  });
  const { run: rerun } = await withLedger((ledger) =>
    ledger.insertRerun(planRerun(first, [first], { operator: 'Zoë 🗺', requestId: 'r1', force: false })),
  );
  const done = await withSluice((sluice) => archived(sluice, ({ run_id }) => run_id === rerun.run_id));
  expect(done).toMatchObject({ status: 'success', rerun_of: first.run_id, asset_ids: first.asset_ids });

  const canceled = await withLedger(async (ledger) => {
    const { run } = await ledger.insertRerun(
      planRerun(first, [first, done], { operator: 'Zoë 🗺', requestId: 'r2', force: true }),
    );
    return (await ledger.endRun(run.run_id, 'canceled', canceledError('Zoë 🗺'))).run;
  });
  expect(await withSluice((sluice) => archived(sluice, ({ run_id }) => run_id === canceled.run_id))).toMatchObject({
    status: 'canceled',
    asset_ids: [],
  });
  const activity = await withLedger((ledger) => ledger.listActivity({ batch_id: first.batch_id, limit: 500 }));
  for (const run of [rerun, canceled])
    expect(activity).toContainEqual(
      expect.objectContaining({ activity: 'run_rerun', run_id: run.run_id, operator: 'Zoë 🗺' }),
    );
});

async function withSluice<T>(work: (sluice: RunningSluice) => Promise<T>): Promise<T> {
  const sluice = await startSluice(env);
  try {
    return await work(sluice);
  } finally {
    await sluice.stop();
  }
}

/** Changes the ledger without a router, so that no event is published. */
async function withLedger<T>(work: (ledger: RunningSluice['context']['ledger']) => Promise<T>): Promise<T> {
  await using context = await openContext(env, SILENT_LOG);
  return await work(context.ledger);
}

async function upload({ context, publishWaitingManifests }: RunningSluice, batch: string): Promise<void> {
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
  await publishWaitingManifests();
}

async function archived({ context }: RunningSluice, matches: (run: RunDocument) => boolean): Promise<RunDocument> {
  return vi.waitFor(
    async () => {
      const run = (await context.ledger.listRuns()).find(matches);
      expect(run?.steps.at(-1)).toMatchObject({ name: 'archive', status: 'done' });
      return run as RunDocument;
    },
    { timeout: TIMEOUT_MS, interval: 50 },
  );
}
