import assert from 'node:assert/strict';
import { afterAll, beforeAll, expect, onTestFailed, test, vi } from 'vitest';
import type { Context } from '#shared/runtime/context.ts';
import { LANE_STEPS } from '#shared/contracts/lanes.ts';
import { handler as validateManifest } from '../../functions/validate-manifest/handler.ts';
import { openFunctionContext, uploadEvent } from '../function-context.ts';
import {
  type Batch,
  BATCHES,
  datasetsOf,
  inputDataset,
  JOIN,
  MOSAIC,
  RASTERS,
  TABLES,
  uploadBatch,
  VECTOR,
} from './batches.ts';
import {
  durableState,
  executeFunctions,
  isStopped,
  kill,
  startWorker,
  TIMEOUT_MS,
  type Worker,
} from './worker-process.ts';

/**
 * Stops a worker (SIGSTOP) during a step until its lease has expired. Another worker claims the step and ends the run.
 * After that, the first worker continues (SIGCONT), and its writes must not change anything. The same process is the
 * first worker of all batches.
 */

const LEASE_SECONDS = 1;

let context: Context & AsyncDisposable;
let worker: Worker;
beforeAll(async () => {
  context = await openFunctionContext({ CLAIM_LEASE_SECONDS: String(LEASE_SECONDS) });
  worker = startWorker(context);
  for (const input of new Set(BATCHES.flatMap(({ inputs }) => inputs))) {
    await executeFunctions(
      context,
      LANE_STEPS[input.lane],
      await admit(input, inputDataset(input), inputDataset(input)),
    );
  }
});
afterAll(async () => {
  await kill(worker.child);
  await context[Symbol.asyncDispose]();
});

async function admit(batch: Batch, batchId: string, datasetId: string) {
  const event = await validateManifest(uploadEvent(await uploadBatch(batch, batchId, datasetId, context)), context);
  assert(event?.subject !== undefined, `Batch ${batchId} was not admitted.`);
  return event;
}

const stops: [Batch, step: string, stopAt: string][] = [
  [VECTOR, 'load-to-postgis', 'create schema'],
  [VECTOR, 'load-to-postgis', 'program ogr2ogr \\('],
  [VECTOR, 'load-to-postgis', 'program ogr2ogr, running'],
  [VECTOR, 'load-to-postgis', 'rename to raw_data'],
  [VECTOR, 'load-to-postgis', 'update ledger.runs'],
  [VECTOR, 'transform-recipe', 'create unlogged table'],
  [VECTOR, 'transform-recipe', 'rename to processed'],
  [VECTOR, 'export-geoparquet', 's3 PutObjectCommand data-lake'],
  [VECTOR, 'export-geoparquet', 'with claim as'],
  [VECTOR, 'export-geoparquet', 'update ledger.runs'],
  [VECTOR, 'record-lineage', 'with claim as'],
  [VECTOR, 'record-lineage', 'update ledger.runs'],
  [VECTOR, 'archive', 's3 DeleteObjectCommand landing-zone'],
  [VECTOR, 'archive', 'drop schema'],

  [RASTERS, 'export-cog', 'program gdal_translate \\(1'],
  [RASTERS, 'export-cog', 's3 PutObjectCommand data-lake \\(1'],
  [RASTERS, 'export-cog', 'with claim as .*\\(1\\)$'],
  [RASTERS, 'export-cog', 'program gdal_translate, running \\(2'],
  [RASTERS, 'export-cog', 's3 PutObjectCommand data-lake \\(2'],
  [RASTERS, 'export-cog', 'with claim as .*\\(2\\)$'],
  [RASTERS, 'export-cog', 'update ledger.runs'],
  [RASTERS, 'record-lineage', 's3 PutObjectCommand data-lake \\(6'],
  [MOSAIC, 'export-cog', 'program gdalwarp \\('],
  [MOSAIC, 'export-cog', 'program gdalwarp, running'],
  [MOSAIC, 'export-cog', 's3 PutObjectCommand data-lake'],

  [TABLES, 'export-parquet', 's3 PutObjectCommand data-lake'],
  [TABLES, 'export-parquet', 'with claim as'],
  [TABLES, 'export-parquet', 'update ledger.runs'],

  [JOIN, 'join', 'create schema'],
  [JOIN, 'join', 'insert into .*fence'],
  [JOIN, 'join', 'create unlogged table join_spatial \\('],
  [JOIN, 'join', 'copy join_spatial from'],
  [JOIN, 'join', 'create unlogged table join_tabular \\('],
  [JOIN, 'join', 'copy join_tabular from'],
  [JOIN, 'join', 'create unlogged table join_tabular_keys'],
  [JOIN, 'join', 'create unlogged table join_spatial_keys'],
  [JOIN, 'join', 'create unlogged table processed'],
  [JOIN, 'join', 'update ledger.runs'],
];

test.each(stops.map(([batch, step, stopAt]) => ({ batch, title: batch.title, step, stopAt })))(
  '$title: a worker stopped in $step before "$stopAt" changes nothing after it continues',
  async ({ batch, step, stopAt }) => {
    const batchId = `${batch.title} ${step} ${stopAt}`.replaceAll(/\W+/g, '-');
    const requested = await admit(batch, batchId, batchId);
    const runId = requested.subject ?? '';
    const steps: readonly string[] = LANE_STEPS[batch.lane];
    const before = steps.slice(0, steps.indexOf(step));
    const event = await executeFunctions(context, before, requested);

    onTestFailed(async () => {
      await kill(worker.child);
      worker = startWorker(context);
    });
    worker.call({ name: step, event, stopAt });
    await vi.waitUntil(() => isStopped(worker.child), { timeout: TIMEOUT_MS, interval: 20 });
    await executeFunctions(context, steps.slice(before.length), event);
    const datasets = datasetsOf(batch, batchId);
    const after = await durableState(context, runId, datasets);
    expect(after).toMatchObject({
      run: { status: 'success' },
      assets: datasets.map((dataset_id) => ({ dataset_id, version: 1 })),
      schemas: [],
      scratch: [],
      unregistered: [],
    });

    worker.child.kill('SIGCONT');
    expect(await worker.outcome()).toMatchObject({ stopped: true });
    expect(await durableState(context, runId, datasets)).toEqual(after);
  },
  2 * TIMEOUT_MS,
);
