import { afterAll, beforeAll, expect, test } from 'vitest';
import { isArchived } from '#shared/run-control/resume-run.ts';
import { type Batch, TABLES, uploadBatch, VECTOR } from '../../tests/faults/batches.ts';
import { parseMetric } from '../../tests/fixtures/metric-series.ts';
import { startTestSluice, type TestSluice } from '../../tests/running-sluice.ts';

let sluice: TestSluice;
beforeAll(async () => {
  sluice = await startTestSluice();
});
afterAll(() => sluice[Symbol.asyncDispose]());

async function scrape(): Promise<(name: string, labels?: Record<string, string>) => number | undefined> {
  const text = await (await fetch(`${sluice.url}/metrics`)).text();
  return (name, labels) => parseMetric(text, name, labels);
}

async function runBatch(batch: Batch, batchId: string): Promise<void> {
  await uploadBatch(batch, batchId, batchId, sluice.context);
  const runs = async () => (await sluice.context.ledger.listRuns({ batch_id: batchId })).map(isArchived);
  await expect.poll(runs, { timeout: 60_000 }).toEqual([true]);
}

const UNREADABLE: Batch = {
  ...VECTOR,
  files: [{ name: 'kein é.gpkg', body: 'this is not a database', type: 'vector', format: 'GPKG' }],
};

test(
  'the metrics of a run: calls under the names of OpenFaaS, runs by lane and status, rows and bytes',
  { timeout: 150_000 },
  async () => {
    await runBatch(TABLES, 'gemessen');
    await runBatch(UNREADABLE, 'kaputt');
    const calls = { function_name: 'export-parquet.openfaas-fn' };
    await expect.poll(async () => (await scrape())('gateway_function_invocation_inflight', calls)).toBe(0);
    const metric = await scrape();

    expect(metric('gateway_function_invocation_total', { ...calls, code: '200' })).toBe(1);
    const failed = { function_name: 'load-to-postgis.openfaas-fn', code: '422' };
    expect(metric('gateway_function_invocation_total', failed)).toBe(1);
    expect(metric('gateway_function_invocation_started', calls)).toBe(1);
    expect(metric('gateway_functions_seconds_count', { ...calls, code: '200' })).toBe(1);
    expect(metric('gateway_functions_seconds_bucket', { ...calls, code: '200', le: '+Inf' })).toBe(1);
    expect(metric('gateway_functions_seconds_sum', { ...calls, code: '200' })).toBeGreaterThan(0);
    expect(metric('gateway_service_count', calls)).toBeGreaterThan(0);

    const inputBytes = (batch: Batch) => batch.files.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0);
    const [asset] = await sluice.context.ledger.listAssets({ dataset_id: 'gemessen' });
    const tabular = { lane: 'tabular' };
    expect(metric('sluice_runs_total', { ...tabular, status: 'success' })).toBe(1);
    expect(metric('sluice_runs_total', { lane: 'vector', status: 'failure' })).toBe(1);
    expect(metric('sluice_runs_running', tabular)).toBe(0);
    expect(metric('sluice_asset_rows_total', tabular)).toBe(5);
    expect(metric('sluice_asset_bytes_total', tabular)).toBe(asset?.size_bytes);
    expect(metric('sluice_input_bytes_total', tabular)).toBe(inputBytes(TABLES));
    expect(metric('sluice_input_bytes_total', { lane: 'vector' })).toBe(inputBytes(UNREADABLE));
    expect(metric('sluice_dead_letters')).toBe(0);
    expect(metric('sluice_disk_free_bytes', { folder: 'SLUICE_HOME' })).toBeGreaterThan(0);
    expect(metric('sluice_disk_size_bytes', { folder: 'SCRATCH_DIR' })).toBeGreaterThan(0);
  },
);

test('the age of the queue of a function that does not run, and the runs that wait for it', async () => {
  const post = (replicas: number) =>
    fetch(`${sluice.url}/system/scale-function/export-parquet`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ serviceName: 'export-parquet', replicas }),
    });
  expect((await post(0)).status).toBe(202);
  await uploadBatch(TABLES, 'wartet', 'wartet', sluice.context);
  await expect
    .poll(async () => (await scrape())('sluice_queue_oldest_seconds', { function: 'export-parquet' }))
    .toBeGreaterThan(0);
  const metric = await scrape();
  expect(metric('gateway_service_count', { function_name: 'export-parquet.openfaas-fn' })).toBe(0);
  expect(metric('sluice_runs_running', { lane: 'tabular' })).toBe(1);
  expect((await post(1)).status).toBe(202);
  await expect
    .poll(async () => (await scrape())('sluice_queue_oldest_seconds', { function: 'export-parquet' }))
    .toBeUndefined();
});
