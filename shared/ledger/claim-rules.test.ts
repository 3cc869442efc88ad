import { expect, test } from 'vitest';
import { STATUSES, statusesBefore, STEP_STATUSES } from '#shared/contracts/statuses.ts';
import { claimResult, currentClaim, finishedClaim, staleClaim } from './claim-rules.ts';
import type { RunDocument } from './documents.ts';
import { newBatch } from '../../tests/fixtures/documents.ts';

const { run: RUN } = newBatch();
const CLAIM = { runId: RUN.run_id, step: 'transform-recipe', token: 7 } as const;

/** RUN with one step changed. */
function runWith(status: RunDocument['status'], name: string, step: object): RunDocument {
  return { ...RUN, status, steps: RUN.steps.map((each) => (each.name === name ? { ...each, ...step } : each)) };
}

test('a current claim needs a running run, except for archive', () => {
  const step = { name: 'transform-recipe', token: 7, status: 'running' };
  expect(currentClaim(CLAIM)).toEqual({ status: 'running', step });
  expect(currentClaim({ ...CLAIM, step: 'archive' })).toEqual({ step: { ...step, name: 'archive' } });
  expect(finishedClaim(CLAIM)).toEqual({ step: { ...step, status: 'done' } });
});

test('a stale claim is named', () => {
  expect(staleClaim(CLAIM)).toMatchObject({
    code: 'CLAIM_STALE',
    message: `Claim 7 of step transform-recipe of run ${RUN.run_id} is stale: the step was claimed again or the run has ended.`,
    details: { run_id: RUN.run_id, step: 'transform-recipe', token: 7 },
  });
});

const HELD = { status: 'running', token: 3, attempt: 2, owner: 'host/é', lease_until: '2026-01-01T00:00:00.000Z' };

test('a claimed step has a token and an attempt', () => {
  expect(claimResult(runWith('running', 'transform-recipe', HELD), 'transform-recipe', true)).toMatchObject({
    outcome: 'claimed',
    token: 3,
    attempt: 2,
  });
});

test.each([
  ['a done step', 'running', 'transform-recipe', { status: 'done', reply: null }, { outcome: 'done', reply: null }],
  ['a step of an ended run', 'failure', 'transform-recipe', {}, { outcome: 'ended', status: 'failure' }],
  ['archive of a running run', 'running', 'archive', {}, { outcome: 'early' }],
  ['a pending step before its turn', 'running', 'transform-recipe', {}, { outcome: 'early' }],
  ['a held step', 'running', 'transform-recipe', HELD, { outcome: 'held', owner: 'host/é' }],
  ['archive held by another worker', 'success', 'archive', HELD, { outcome: 'held', owner: 'host/é' }],
] as const)('%s is not claimed', (_case, status, name, step, result) => {
  expect(claimResult(runWith(status, name, step), name, false)).toMatchObject(result);
});

test('a step of another lane cannot be claimed', () => {
  expect(() => claimResult(RUN, 'export-cog', false)).toThrow(
    expect.objectContaining({
      code: 'REQUEST_INVALID',
      message: `Run ${RUN.run_id} of lane vector has no step export-cog.`,
    }),
  );
});

test('only a running run or manifest changes its status', () => {
  expect(STATUSES.map((status) => [status, statusesBefore(status)])).toEqual([
    ['running', []],
    ['success', ['running']],
    ['failure', ['running']],
    ['canceled', ['running']],
  ]);
  expect(STEP_STATUSES).toEqual(['pending', 'running', 'done', 'failed']);
});
