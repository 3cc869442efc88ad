import type { Hono } from 'hono';
import { beforeEach, expect, test, vi } from 'vitest';
import type { JoinPreview } from '#shared/contracts/join-preview.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { joinPreviewCompleted, parseJoinPreviewRequest } from '#shared/events/inspection.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { MAX_INSPECTIONS } from '#shared/runtime/inspection.ts';
import { CountedCaller } from '../../openfaas/counted-caller.ts';
import { statusOf } from '../http/error-response.ts';
import { joinRoutes } from './joins.ts';

/** POST /api/joins/preview, with a function that replies when the test requests it. */

const CONFIG = {
  spatial_asset_id: 'a'.repeat(24),
  tabular_asset_id: 'dataset:zahlen #1',
  left_key: 'Straße #',
  right_key: 'id',
};
const side = { asset_id: 'a'.repeat(24), dataset_id: 'é', version: 1, row_count: 1, matched_rows: 0 };
const none = { count: 0, sample: [] };
const PREVIEW: JoinPreview = {
  spatial: side,
  tabular: side,
  join: { matched_rows: 0, unmatched_spatial: none, unmatched_tabular: none },
  duplicates: { ...none, most_rows: 1 },
  row_count: 1,
  column_count: 2,
  notes: [],
  sample: { columns: [], rows: [] },
  problem: null,
};

let calls: { name: string; event: SluiceEvent; signal: AbortSignal; succeed: () => void; fail: (e: Error) => void }[];
let app: Hono;
beforeEach(() => {
  calls = [];
  const invoke = (name: string, event: SluiceEvent, { signal }: { signal: AbortSignal }) =>
    new Promise<SluiceEvent>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
      const succeed = () => resolve(joinPreviewCompleted(event, PREVIEW));
      calls.push({ name, event, signal, succeed, fail: reject });
    });
  app = joinRoutes({ ledger: {} as Ledger, caller: new CountedCaller({ invoke }) });
  app.onError((thrown, c) => {
    const error = asSluiceError(thrown);
    return c.json({ error: error.toDocument() }, statusOf(error) as 500);
  });
});

const request = async (init: RequestInit = {}) => {
  const body = JSON.stringify({ join_config: CONFIG });
  const response = await app.request('/api/joins/preview', { method: 'POST', body, ...init });
  return { status: response.status, body: await response.json() };
};

test('calls the function join with the defaults of a join_config, and returns its preview', async () => {
  const reply = request();
  await vi.waitFor(() => expect(calls).toHaveLength(1));
  expect(calls[0]!.name).toBe('join');
  expect(parseJoinPreviewRequest(calls[0]!.event)).toEqual({
    join_config: { ...CONFIG, how: 'left', prefix: 't_', allow_duplicate_keys: false },
  });
  calls[0]!.succeed();
  expect(await reply).toEqual({ status: 200, body: PREVIEW });
});

test('the call is aborted when the client disconnects, and counts until then', async () => {
  const client = new AbortController();
  const held = Array.from({ length: MAX_INSPECTIONS }, () => request({ signal: client.signal }));
  await vi.waitFor(() => expect(calls).toHaveLength(MAX_INSPECTIONS));
  expect((await request()).body).toMatchObject({ error: { code: 'TOO_MANY_TRANSFERS' } });
  client.abort();
  expect(calls.every(({ signal }) => signal.aborted)).toBe(true);
  await Promise.all(held);
  const next = request();
  await vi.waitFor(() => expect(calls).toHaveLength(MAX_INSPECTIONS + 1));
  calls.at(-1)!.succeed();
  expect((await next).status).toBe(200);
});

test.each([
  ['JOIN_KEY_TYPE_MISMATCH', 422],
  ['ASSET_NOT_FOUND', 404],
  ['STEP_TIMEOUT', 503],
] as const)('the error %s of the function has the status %i', async (code, status) => {
  const reply = request();
  await vi.waitFor(() => expect(calls).toHaveLength(1));
  calls[0]!.fail(new SluiceError(code, 'left_key "nr" is integer.'));
  expect(await reply).toMatchObject({ status, body: { error: { code, message: 'left_key "nr" is integer.' } } });
});

test.each([
  ['an unknown field', { join_config: { ...CONFIG, on: 'id' } }, 'join_config.on'],
  ['a missing key', { join_config: { ...CONFIG, left_key: undefined } }, 'join_config.left_key'],
  ['an unknown kind of join', { join_config: { ...CONFIG, how: 'outer' } }, 'join_config.how'],
])('rejects %s', async (_what, body, field) => {
  expect(await request({ body: JSON.stringify(body) })).toMatchObject({
    status: 400,
    body: { error: { code: 'REQUEST_INVALID', details: { issues: [{ field }] } } },
  });
  expect(calls).toEqual([]);
});
