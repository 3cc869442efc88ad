import { describe, expect, test } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type DeathReason, WorkerDeath } from '#shared/runtime/function-caller.ts';
import { decideOutcome, type DeliveryHistory } from './outcome.ts';

const POLICY = { RETRY_LIMIT: 5, RETRY_DELAY_SECONDS: 1, RETRY_DELAY_MAX_SECONDS: 60 };
const history = (attempt: number, deferrals = 0): DeliveryHistory => ({
  attempt,
  deferrals,
  crashes: 0,
  workerDeaths: 0,
});
const failed = (code: 'STORE_UNAVAILABLE' | 'DISK_FULL' | 'STEP_BUSY' | 'CRS_MISSING', retryAfterSeconds?: number) => ({
  error: new SluiceError(code, code, { retryAfterSeconds }),
});
const decide = (result: ReturnType<typeof failed>, at: DeliveryHistory, random = 0) =>
  decideOutcome(result, at, POLICY, false, random);

describe('the outcome of a delivery', () => {
  test('is done after a reply', () => {
    expect(decideOutcome({ reply: undefined }, history(1), POLICY, false, 0)).toEqual({
      kind: 'done',
      reply: undefined,
    });
  });

  test('is a retry after a transient error, with a delay that doubles', () => {
    expect([1, 2, 3, 4, 5].map((attempt) => decide(failed('STORE_UNAVAILABLE'), history(attempt)))).toMatchObject(
      [1, 2, 4, 8, 16].map((afterSeconds) => ({ kind: 'retry', afterSeconds })),
    );
    expect(
      decideOutcome(failed('STORE_UNAVAILABLE'), history(20), { ...POLICY, RETRY_LIMIT: 100 }, false, 0),
    ).toMatchObject({ afterSeconds: 60 });
  });

  test('is a retry after the longest delay when the disk is full', () => {
    expect([1, 5].map((attempt) => decide(failed('DISK_FULL'), history(attempt)))).toMatchObject([
      { kind: 'retry', afterSeconds: 60 },
      { kind: 'retry', afterSeconds: 60 },
    ]);
    expect(decide(failed('DISK_FULL'), history(6)).kind).toBe('dead');
  });

  test('has a random delay that is not shorter than the error requests', () => {
    expect(decide(failed('STORE_UNAVAILABLE'), history(3), 1)).toMatchObject({ afterSeconds: 3 });
    expect(decide(failed('STORE_UNAVAILABLE', 30), history(1))).toMatchObject({ afterSeconds: 30 });
  });

  test('is a dead letter after RETRY_LIMIT retries, and immediately after a permanent error', () => {
    expect(decide(failed('STORE_UNAVAILABLE'), history(6)).kind).toBe('dead');
    expect(decide(failed('CRS_MISSING'), history(1)).kind).toBe('dead');
  });

  test('is a deferral of at most ten seconds while the step is busy, without a limit on their number', () => {
    expect([0, 1, 2, 100].map((deferrals) => decide(failed('STEP_BUSY', 2), history(6, deferrals)))).toEqual(
      [2, 3, 4.5, 10].map((afterSeconds) => ({ kind: 'defer', afterSeconds })),
    );
  });

  test('is a repetition alone when the process of the function ended, and a dead letter after the third end', () => {
    const died = (reason: DeathReason) => ({
      error: new WorkerDeath('load-to-postgis', reason, 'it ended with SIGKILL'),
    });
    const after = (workerDeaths: number, reason: DeathReason = 'exited') =>
      decideOutcome(died(reason), { ...history(6), workerDeaths }, POLICY, false, 0);
    expect([0, 1].map((deaths) => after(deaths))).toMatchObject([
      { kind: 'repeat-alone', afterSeconds: 0.5 },
      { kind: 'repeat-alone', afterSeconds: 1 },
    ]);
    expect(after(2)).toMatchObject({
      kind: 'dead',
      error: {
        code: 'WORKER_DIED',
        message: 'The process of load-to-postgis ended 3 times during this step: it ended with SIGKILL.',
      },
    });
    expect(after(2, 'memory')).toMatchObject({ kind: 'dead', error: { code: 'MEMORY_LIMIT' } });
  });

  test('is a return to the queue when the call failed because the router stops', () => {
    expect(decideOutcome(failed('CRS_MISSING'), history(6), POLICY, true, 0)).toEqual({ kind: 'give-back' });
  });
});
