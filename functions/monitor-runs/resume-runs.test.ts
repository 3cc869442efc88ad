import { expect, test } from 'vitest';
import { runCanceled, runFailed, runRequested, runSucceeded } from '#shared/events/run-events.ts';
import type { RunDocument, Step } from '#shared/ledger/documents.ts';
import { newBatch } from '../../tests/fixtures/documents.ts';
import { canceledError } from '#shared/run-control/end-run.ts';
import { decide, isPublishedAt, roundOf } from './resume-runs.ts';

const NOW = Date.parse('2026-05-01T12:00:00.000Z');
const MINUTE_MS = 60_000;
const STUCK_MS = 360 * MINUTE_MS;
const ago = (minutes: number) => new Date(NOW - minutes * MINUTE_MS).toISOString();
const { run: fresh } = newBatch();
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
const decideOn = (given: RunDocument) => decide(given, NOW, STUCK_MS);
const done = { status: 'done' } as const;

test('waits for a run with recent activity', () => {
  expect(decideOn(run(0.5))).toEqual({ action: 'wait' });
});

test('waits for a step with a valid claim, however long it takes, and resumes one with an expired claim', () => {
  const claim = (lease_until: string) => ({ 'load-to-postgis': { status: 'running', lease_until } as const });
  expect(decideOn(run(600, {}, claim(ago(-0.2))))).toEqual({ action: 'wait' });
  expect(decideOn(run(5, {}, claim(ago(1))))).toMatchObject({
    action: 'resume',
    event: { type: 'sluice.run.requested.vector' },
  });
});

test('publishes the request of a run again with its own id', () => {
  expect(decideOn(run(2))).toMatchObject({ action: 'resume', event: { id: runRequested(fresh).id } });
});

test('publishes the recorded reply of the last step that is done', () => {
  expect(decideOn(run(2, {}, { 'load-to-postgis': { ...done, reply } }))).toMatchObject({
    action: 'resume',
    event: { id: 'loaded' },
  });
});

const error = { code: 'CRS_MISSING', message: 'No CRS.', details: {} } as const;
test.each([
  ['success', null, runSucceeded(fresh)],
  ['failure', error, runFailed(fresh, error)],
  ['canceled', canceledError('Zoë'), runCanceled(fresh, 'Zoë')],
] as const)('publishes the end of a run with status %s until the run is archived', (status, kept, event) => {
  const expected = { type: event.type, id: event.id, data: event.data };
  expect(decideOn(run(2, { status, error: kept }))).toMatchObject({ action: 'resume', event: expected });
  expect(decideOn(run(999, { status, error: kept }))).toMatchObject({ action: 'resume', event: { type: event.type } });
  expect(decideOn(run(2, { status, error: kept }, { archive: done }))).toEqual({ action: 'wait' });
});

test('an event gets a new id after 10 minutes, then at doubling intervals', () => {
  expect([1, 9.9, 10, 19, 20, 39, 40, 80].map((minutes) => roundOf(minutes * MINUTE_MS))).toEqual([
    0, 0, 1, 1, 2, 2, 3, 4,
  ]);
  const idOf = (minutes: number) => {
    const decision = decideOn(run(minutes));
    return decision.action === 'resume' ? decision.event.id : undefined;
  };
  expect(new Set([5, 11, 15, 19, 25].map(idOf)).size).toBe(3);
});

test('fails a run without progress, with its step in the error', () => {
  expect(decideOn(run(361, {}, { 'load-to-postgis': { ...done, reply } }))).toEqual({
    action: 'fail',
    step: 'transform-recipe',
    error: {
      code: 'RUN_STUCK',
      message: 'transform-recipe made no progress for 361 minutes, although its event was published again.',
      details: { step: 'transform-recipe', minutes: 361 },
    },
  });
});

test.each([0, 0.3, 0.999])('with a broker, an event is published after 1, 2, 4, 8, … minutes and %d', (rest) => {
  const ticks = Array.from({ length: 40 }, (_, minute) => minute);
  expect(ticks.filter((minutes) => isPublishedAt((minutes + rest) * MINUTE_MS))).toEqual([1, 2, 4, 8, 16, 32]);
});
