import { expect, test } from 'vitest';
import { runCanceled, runFailed, runRequested, runSucceeded } from '#shared/events/run-events.ts';
import type { RunDocument, Step } from '#shared/ledger/documents.ts';
import { newRun } from '#shared/ledger/new-run.ts';
import { cancellation } from '#shared/run-control/cancellation.ts';
import { roundOf, verdictOn } from './run-verdict.ts';

const NOW = Date.parse('2026-05-01T12:00:00.000Z');
const MINUTE_MS = 60_000;
const STUCK_MS = 360 * MINUTE_MS;
const ago = (minutes: number) => new Date(NOW - minutes * MINUTE_MS).toISOString();
const fresh = newRun({
  manifest: { batch_id: 'é #1', uploader: 'ana', intent: 'ingest_vector', files: [], metadata: {} },
  manifestId: 'a'.repeat(24),
  manifestKey: 'manifests/é.json',
  lane: 'vector',
  datasetId: 'é',
  operator: 'ana',
});
const reply = { ...runRequested(fresh), type: 'sluice.table.loaded', id: 'loaded' };
const run = (
  idleMinutes: number,
  fields: Partial<RunDocument> = {},
  steps: Record<string, Partial<Step>> = {},
): RunDocument => ({
  ...fresh,
  ...fields,
  updated_at: ago(idleMinutes),
  steps: fresh.steps.map((step) => ({ ...step, ...steps[step.name] })),
});
const verdict = (judged: RunDocument) => verdictOn(judged, NOW, STUCK_MS);
const done = { status: 'done' } as const;

test('a run in which something happened a moment ago is left alone', () => {
  expect(verdict(run(0.5))).toEqual({ kind: 'leave' });
});

test('a step under a live claim is left alone, however long it takes; a claim that ran out is not', () => {
  const claim = (lease_until: string) => ({ 'load-to-postgis': { status: 'running', lease_until } as const });
  expect(verdict(run(600, {}, claim(ago(-0.2))))).toEqual({ kind: 'leave' });
  expect(verdict(run(5, {}, claim(ago(1))))).toMatchObject({
    kind: 'announce',
    event: { type: 'sluice.run.requested.vector' },
  });
});

test('a run whose request got lost is requested again, with the id of the request', () => {
  expect(verdict(run(2))).toMatchObject({ kind: 'announce', event: { id: runRequested(fresh).id } });
});

test('between two steps, the recorded reply of the last one goes out again', () => {
  expect(verdict(run(2, {}, { 'load-to-postgis': { ...done, reply } }))).toMatchObject({
    kind: 'announce',
    event: { id: 'loaded' },
  });
});

const error = { code: 'CRS_MISSING', message: 'No CRS.', details: {} } as const;
test.each([
  ['success', null, runSucceeded(fresh)],
  ['failure', error, runFailed(fresh, error)],
  ['canceled', cancellation('Zoë'), runCanceled(fresh, 'Zoë')],
] as const)(
  'a run that ended as %s and is not archived is announced as it was; an archived one is over',
  (status, kept, event) => {
    const expected = { type: event.type, id: event.id, data: event.data };
    expect(verdict(run(2, { status, error: kept }))).toMatchObject({ kind: 'announce', event: expected });
    expect(verdict(run(999, { status, error: kept }))).toMatchObject({ kind: 'announce', event: { type: event.type } });
    expect(verdict(run(2, { status, error: kept }, { archive: done }))).toEqual({ kind: 'leave' });
  },
);

test('the queue forgets, so an event is sent under a new id after ten minutes, and ever more rarely', () => {
  expect([1, 9.9, 10, 19, 20, 39, 40, 80].map((minutes) => roundOf(minutes * MINUTE_MS))).toEqual([
    0, 0, 1, 1, 2, 2, 3, 4,
  ]);
  const idOf = (minutes: number) => {
    const judged = verdict(run(minutes));
    return judged.kind === 'announce' ? judged.event.id : undefined;
  };
  expect(new Set([5, 11, 15, 19, 25].map(idOf)).size).toBe(3);
});

test('a run in which nothing happens for hours fails, and says where', () => {
  expect(verdict(run(361, {}, { 'load-to-postgis': { ...done, reply } }))).toEqual({
    kind: 'fail',
    step: 'transform-recipe',
    error: {
      code: 'RUN_STUCK',
      message: 'Nothing has happened in transform-recipe for 361 minutes, although its event was sent again.',
      details: { step: 'transform-recipe', minutes: 361 },
    },
  });
});
