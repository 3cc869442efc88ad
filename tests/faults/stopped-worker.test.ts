import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { assetKeyOf, isCatalogKey } from '#shared/catalog/stac-layout.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import type { Context } from '#shared/runtime/context.ts';
import { loadHandler } from '#shared/runtime/functions.ts';
import { scratchRoot } from '#shared/runtime/scratch.ts';
import { openFunctionContext } from '../function-context.ts';
import { startRun } from '../function-runs.ts';

/**
 * A worker is stopped (SIGSTOP) in the middle of a step, longer than its claim lasts. Another one takes over and ends the run.
 * Then the first wakes up and goes on: nothing that it still writes may show.
 */

const CHAIN = ['load-to-postgis', 'transform-recipe', 'export-geoparquet', 'record-lineage', 'archive'];
const SAMPLE = resolve(import.meta.dirname, '../data/sample/countries.zip');
const LEASE_SECONDS = 1;
const PATIENCE_MS = 60_000;

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
  const event = await drive(before, requested);

  const worker = startWorker(step, event, stopAt);
  const ended = once(worker.child, 'close');
  await vi.waitUntil(() => isStopped(worker.child), { timeout: PATIENCE_MS, interval: 20 });
  await drive(CHAIN.slice(before.length), event);
  const after = await state(run.run_id, batch);
  expect(after).toMatchObject({ run: { status: 'success' }, schemas: [], scratch: [], unregistered: [] });

  worker.child.kill('SIGCONT');
  await ended;
  expect(JSON.parse(worker.said())).toMatchObject({ stopped: true });
  expect(await state(run.run_id, batch)).toEqual(after);
}, 2 * PATIENCE_MS);

/** Calls the functions in turn with each other's replies; a claim that is still held is waited for, as the router does. */
async function drive(functions: string[], first: SluiceEvent): Promise<SluiceEvent> {
  let event = first;
  for (const name of functions) {
    const handler = await loadHandler(name);
    const reply = await vi.waitFor(() => handler(event, context), { timeout: PATIENCE_MS, interval: 100 });
    event = reply ?? event;
  }
  return event;
}

function startWorker(name: string, event: SluiceEvent, stopAt: string): { child: ChildProcess; said(): string } {
  const variables = Object.fromEntries(Object.entries(context.env).map(([variable, value]) => [variable, String(value ?? '')]));
  const child = spawn('node', [join(import.meta.dirname, 'stopped-worker.ts')], {
    env: { ...process.env, ...variables, LOG_LEVEL: 'silent', WORKER_FUNCTION: name, WORKER_EVENT: JSON.stringify(event), WORKER_STOP: stopAt }, stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => { text += chunk.toString(); });
  return { child, said: () => text };
}

/** proc(5): the third field is the state, T when stopped by a signal. */
function isStopped(child: ChildProcess): boolean {
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
}

/** Everything durable that a worker of the run could touch. */
async function state(runId: string, datasetId: string) {
  const { ledger, objects, postgis, env } = context;
  const run = await ledger.getRun(runId);
  const assets = await ledger.listAssets({ dataset_id: datasetId });
  const stored: string[] = [];
  const unregistered: string[] = [];
  for (const bucket of ['landing-zone', 'data-lake']) {
    for await (const { key, etag } of objects.list(bucket, '')) {
      if (!isCatalogKey(key)) stored.push(`${bucket}/${key} ${etag}`); // Collections and the root follow from all runs.
      if (bucket === 'data-lake' && !isCatalogKey(key) && (await ledger.findAssetByKey(assetKeyOf(key))) === undefined) unregistered.push(key);
    }
  }
  const lineage = await Promise.all(assets.map(({ _id }) => ledger.listLineage(_id)));
  const folders = readdirSync(scratchRoot(env)).filter((name) => name.includes(runId));
  return { run, assets, lineage, stored, unregistered, schemas: await postgis.listRunSchemas(), scratch: folders };
}
