import { expect, test } from 'vitest';
import { makeEvent } from '#shared/events/event.ts';
import type { Step } from '#shared/ledger/documents.ts';
import { newBatch } from '../../tests/fixtures/documents.ts';
import { runView } from './create-views.ts';

const { run } = newBatch();

function withStep(name: string, fields: Partial<Step>) {
  return { ...run, steps: run.steps.map((step) => (step.name === name ? { ...step, ...fields } : step)) };
}

test('contains no internal fields of the ledger', () => {
  const view = runView(run, [], 'http://127.0.0.1:8080');
  expect(Object.keys(view).sort()).toEqual([
    'advice',
    'archived',
    'asset',
    'assets',
    'batch_id',
    'created_at',
    'dataset_id',
    'error',
    'finished_at',
    'intent',
    'lane',
    'manifest_key',
    'operator',
    'rerun_of',
    'reused',
    'run_id',
    'status',
    'steps',
  ]);
  expect(Object.keys(view.steps[0] ?? {}).sort()).toEqual([
    'attempt',
    'error',
    'finished_at',
    'name',
    'seconds',
    'started_at',
    'status',
  ]);
});

test.each([
  [{ status: 'running' }, { status: 'canceled', error: null }],
  [{ status: 'failed', error: { code: 'CLAIM_STALE', message: 'Ended.', details: {} } }, { status: 'canceled' }],
  [{ status: 'failed', error: { code: 'STORE_UNAVAILABLE', message: 'Away.', details: {} } }, { status: 'failed' }],
  [{ status: 'done' }, { status: 'done' }],
  [{ status: 'pending' }, { status: 'pending' }],
] as const)('a step %j of a canceled run is shown as %j', (step, shown) => {
  const canceled = { ...withStep('load-to-postgis', step), status: 'canceled' as const };
  expect(runView(canceled, [], '').steps[0]).toMatchObject(shown);
});

test('the archive step of a canceled run is executed', () => {
  const canceled = { ...withStep('archive', { status: 'running' }), status: 'canceled' as const };
  expect(runView(canceled, [], '').steps.at(-1)).toMatchObject({ name: 'archive', status: 'running' });
});

test('has a duration for each step that has ended', () => {
  const started = { started_at: '2026-01-02T03:04:05.000Z', attempt: 2 };
  const running = withStep('load-to-postgis', { ...started, status: 'running' });
  const done = withStep('load-to-postgis', { ...started, status: 'done', finished_at: '2026-01-02T03:04:06.250Z' });
  expect(runView(running, [], '').steps[0]).toEqual({
    name: 'load-to-postgis',
    status: 'running',
    attempt: 2,
    seconds: null,
    started_at: '2026-01-02T03:04:05.000Z',
    finished_at: null,
    error: null,
  });
  expect(runView(done, [], '').steps[0]).toEqual({
    name: 'load-to-postgis',
    status: 'done',
    attempt: 2,
    seconds: 1.25,
    started_at: '2026-01-02T03:04:05.000Z',
    finished_at: '2026-01-02T03:04:06.250Z',
    error: null,
  });
});

test('has `reused` if the asset existed before', () => {
  const exported = (reused: boolean) => ({
    ...makeEvent('sluice.asset.exported', run.run_id, { run_id: run.run_id, asset_ids: ['a'.repeat(24)], reused }),
  });
  expect(runView(run, [], '').reused).toBe(false);
  expect(runView(withStep('export-geoparquet', { reply: exported(false) }), [], '').reused).toBe(false);
  expect(runView(withStep('export-geoparquet', { reply: exported(true) }), [], '').reused).toBe(true);
});

test('has `archived` if the archive step is done', () => {
  expect(runView(run, [], '').archived).toBe(false);
  expect(runView(withStep('archive', { status: 'done' }), [], '').archived).toBe(true);
});
