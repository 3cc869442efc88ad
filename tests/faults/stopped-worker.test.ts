import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Context } from '#shared/runtime/context.ts';
import { openFunctionContext } from '../function-context.ts';
import { startRun } from '../function-runs.ts';
import { drive, isStopped, PATIENCE_MS, startWorker, state } from './worker-process.ts';

/**
 * A worker is stopped (SIGSTOP) in the middle of a step, longer than its claim lasts. Another one takes over and ends the run.
 * Then the first wakes up and goes on: nothing that it still writes may show.
 */

const CHAIN = ['load-to-postgis', 'transform-recipe', 'export-geoparquet', 'record-lineage', 'archive'];
const SAMPLE = resolve(import.meta.dirname, '../data/sample/countries.zip');
const LEASE_SECONDS = 1;

let context: Context & AsyncDisposable;
beforeAll(async () => {
  context = await openFunctionContext({ CLAIM_LEASE_SECONDS: String(LEASE_SECONDS) });
});
afterAll(() => context[Symbol.asyncDispose]());

test.each([
  ['load-to-postgis', 'create schema'],
  ['load-to-postgis', 'program ogr2ogr$'],
  ['load-to-postgis', 'program ogr2ogr, under way'],
  ['load-to-postgis', 'rename to raw_data'],
  ['load-to-postgis', 'update ledger.runs'],
  ['transform-recipe', 'create unlogged table'],
  ['transform-recipe', 'rename to processed'],
  ['export-geoparquet', 's3 PutObjectCommand data-lake'],
  ['export-geoparquet', 'with claim as'],
  ['export-geoparquet', 'update ledger.runs'],
  ['record-lineage', 'with claim as'],
  ['record-lineage', 'update ledger.runs'],
  ['archive', 's3 DeleteObjectCommand landing-zone'],
  ['archive', 'drop schema'],
])('a worker stopped in %s before "%s" changes nothing when it wakes up', async (step, stopAt) => {
  const batch = `${step} ${stopAt}`.replaceAll(/\W+/g, '-');
  const { run, requested } = await startRun(context, batch, { metadata: { tags: { dataset_id: batch } } });
  await context.objects.put('landing-zone', `${batch}/roads é.zip`, readFileSync(SAMPLE));
  const before = CHAIN.slice(0, CHAIN.indexOf(step));
  const event = await drive(context, before, requested);

  const worker = startWorker(context, step, event, stopAt);
  const ended = once(worker.child, 'close');
  await vi.waitUntil(() => isStopped(worker.child), { timeout: PATIENCE_MS, interval: 20 });
  await drive(context, CHAIN.slice(before.length), event);
  const after = await state(context, run.run_id, batch);
  expect(after).toMatchObject({ run: { status: 'success' }, schemas: [], scratch: [], unregistered: [] });

  worker.child.kill('SIGCONT');
  await ended;
  expect(JSON.parse(worker.said())).toMatchObject({ stopped: true });
  expect(await state(context, run.run_id, batch)).toEqual(after);
}, 2 * PATIENCE_MS);
