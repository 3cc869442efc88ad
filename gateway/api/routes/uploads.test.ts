import type { Hono } from 'hono';
import { beforeEach, expect, test, vi } from 'vitest';
import { parseEnv } from '#shared/config/env.ts';
import type { Inspection } from '#shared/contracts/inspection.ts';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { inspectionCompleted } from '#shared/events/inspection.ts';
import { INSPECTION_SECONDS, MAX_INSPECTIONS } from '#shared/runtime/inspection.ts';
import { CountedCaller } from '../../openfaas/counted-caller.ts';
import { uploadRoutes } from './uploads.ts';

/** POST /api/uploads/inspect, with a function that replies when the test requests it. */

const FILE = { path: 's3://landing-zone/uploads/1/Straßen #1.gpkg', type: 'vector', format: 'GPKG' };
const BODY = JSON.stringify({ file: FILE });
const INSPECTION: Inspection = { layers: [], chosen: null, problem: null };

let calls: { name: string; signal: AbortSignal; succeed: () => void }[];
let app: Hono;
beforeEach(() => {
  vi.useRealTimers();
  calls = [];
  const invoke = (name: string, event: SluiceEvent, { signal }: { signal: AbortSignal }) =>
    new Promise<SluiceEvent>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
      calls.push({ name, signal, succeed: () => resolve(inspectionCompleted(event, INSPECTION)) });
    });
  app = uploadRoutes({ env: parseEnv({}), caller: new CountedCaller({ invoke }) });
  app.onError((thrown, c) => c.json({ error: asSluiceError(thrown).toDocument() }, 500));
});

const inspect = async (init: RequestInit = {}): Promise<unknown> =>
  (await app.request('/api/uploads/inspect', { method: 'POST', body: BODY, ...init })).json();

async function holdAll() {
  const held = Array.from({ length: MAX_INSPECTIONS }, () => inspect());
  await vi.waitFor(() => expect(calls).toHaveLength(MAX_INSPECTIONS));
  return held;
}

test('limits the inspections at the same time, until one has ended', async () => {
  const held = await holdAll();
  expect(await inspect()).toMatchObject({ error: { code: 'TOO_MANY_TRANSFERS', details: { limit: 4 } } });
  calls[0]!.succeed();
  expect(await held[0]).toEqual(INSPECTION);
  const next = inspect();
  await vi.waitFor(() => expect(calls).toHaveLength(MAX_INSPECTIONS + 1));
  for (const { succeed } of calls) succeed();
  expect(await next).toEqual(INSPECTION);
});

test('a client that sends its request slowly does not count as an inspection', async () => {
  const bodies = Array.from({ length: MAX_INSPECTIONS }, () => new TransformStream<Uint8Array, Uint8Array>());
  const slow = bodies.map(({ readable }) => inspect({ body: readable, duplex: 'half' } as RequestInit));
  const quick = inspect();
  await vi.waitFor(() => expect(calls).toHaveLength(1));
  calls[0]!.succeed();
  expect(await quick).toEqual(INSPECTION);
  for (const { writable } of bodies) void writable.close();
  for (const reply of slow) expect(await reply).toMatchObject({ error: { code: 'REQUEST_INVALID' } });
});

test('an invalid request is rejected while the limit is reached', async () => {
  const held = await holdAll();
  expect(await inspect({ body: '{}' })).toMatchObject({ error: { code: 'REQUEST_INVALID' } });
  for (const { succeed } of calls) succeed();
  await Promise.all(held);
});

test('the call is aborted when the client disconnects, and later than the time limit of the function', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const client = new AbortController();
  const replies = [inspect({ signal: client.signal }), inspect()];
  await vi.waitUntil(() => calls.length === 2);
  expect(calls[0]!.name).toBe('load-to-postgis');
  client.abort();
  expect(calls.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  vi.advanceTimersByTime(INSPECTION_SECONDS * 1000);
  expect(calls[1]!.signal.aborted).toBe(false);
  vi.advanceTimersByTime(10_000);
  expect(calls[1]!.signal.aborted).toBe(true);
  await Promise.all(replies);
});
