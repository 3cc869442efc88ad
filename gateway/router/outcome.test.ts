import { describe, expect, test } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { settlementOf, type Tries } from './outcome.ts';

const POLICY = { RETRY_LIMIT: 5, RETRY_DELAY_SECONDS: 1, RETRY_DELAY_MAX_SECONDS: 60 };
const tries = (attempt: number, deferrals = 0): Tries => ({ attempt, deferrals, interruptions: 0 });
const failed = (code: 'STORE_UNAVAILABLE' | 'STEP_BUSY' | 'CRS_MISSING', retryAfterSeconds?: number) => ({
  error: new SluiceError(code, code, { retryAfterSeconds }),
});
const settle = (result: ReturnType<typeof failed>, at: Tries, random = 0) =>
  settlementOf(result, at, POLICY, false, random);

describe('what becomes of a delivery', () => {
  test('a reply ends it', () => {
    expect(settlementOf({ reply: undefined }, tries(1), POLICY, false, 0)).toEqual({ kind: 'done', reply: undefined });
  });

  test('a transient error is tried again, after a wait that doubles', () => {
    expect([1, 2, 3, 4, 5].map((attempt) => settle(failed('STORE_UNAVAILABLE'), tries(attempt)))).toMatchObject(
      [1, 2, 4, 8, 16].map((afterSeconds) => ({ kind: 'retry', afterSeconds })),
    );
    expect(
      settlementOf(failed('STORE_UNAVAILABLE'), tries(20), { ...POLICY, RETRY_LIMIT: 100 }, false, 0),
    ).toMatchObject({ afterSeconds: 60 });
  });

  test('waits differ by chance, and are never shorter than the error asks', () => {
    expect(settle(failed('STORE_UNAVAILABLE'), tries(3), 1)).toMatchObject({ afterSeconds: 3 });
    expect(settle(failed('STORE_UNAVAILABLE', 30), tries(1))).toMatchObject({ afterSeconds: 30 });
  });

  test('after RETRY_LIMIT further tries, and at once for a permanent error, it is a dead letter', () => {
    expect(settle(failed('STORE_UNAVAILABLE'), tries(6)).kind).toBe('dead');
    expect(settle(failed('CRS_MISSING'), tries(1)).kind).toBe('dead');
  });

  test('a busy step is asked again for ever, at most ten seconds later', () => {
    expect([0, 1, 2, 100].map((deferrals) => settle(failed('STEP_BUSY', 2), tries(6, deferrals)))).toEqual(
      [2, 3, 4.5, 10].map((afterSeconds) => ({ kind: 'defer', afterSeconds })),
    );
  });

  test('what fails because the router stops stays in the queue as it was', () => {
    expect(settlementOf(failed('CRS_MISSING'), tries(6), POLICY, true, 0)).toEqual({ kind: 'give-back' });
  });
});
