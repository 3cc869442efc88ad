import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { RENEWALS_PER_LEASE } from '#shared/ledger/claim-rules.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import { type ClaimFixture, openClaimFixture, replyOf, STEP, untilAborted } from '../../tests/fixtures/claims.ts';
import { admitBatch } from '../../tests/fixtures/documents.ts';
import type { Context } from './context.ts';
import { type Claim, withClaim } from './with-claim.ts';

let claims: ClaimFixture;
beforeAll(async () => {
  claims = await openClaimFixture();
});
afterAll(() => claims[Symbol.asyncDispose]());

test('the reply has the traceparent of the run, and the step is logged', async () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const run = await admitBatch(claims.ledger, { batchId: 'traced é', traceparent });
  const info = vi.fn();
  const context = { ...claims.contextOf(), log: { ...SILENT_LOG, info } as unknown as Context['log'] };
  const reply = await withClaim(context, { runId: run.run_id, step: STEP }, () =>
    Promise.resolve({ ...replyOf(run.run_id), traceparent: '00-other' }),
  );
  expect(reply?.traceparent).toBe(traceparent);
  expect((await claims.stepOf(run.run_id))?.reply).toMatchObject({ traceparent });
  expect(info.mock.calls).toEqual([
    [
      { run_id: run.run_id, step: STEP, attempt: 1, seconds: expect.any(Number) as number, reply: reply?.type },
      'Step:Execute:Done',
    ],
  ]);
});

describe('a step', () => {
  test('is executed once; a repeat returns the recorded reply', async () => {
    const runId = await claims.admit();
    const work = vi.fn((claim: Claim) => Promise.resolve(replyOf(claim.run.run_id)));
    const first = await withClaim(claims.contextOf(), { runId, step: STEP }, work);
    const second = await withClaim(claims.contextOf(), { runId, step: STEP }, work);
    expect(second).toEqual(first);
    expect(work).toHaveBeenCalledOnce();
    expect(await claims.stepOf(runId)).toMatchObject({ status: 'done', attempt: 1, owner: null, error: null });
  });

  test('that this process executes is busy, and continues', async () => {
    const runId = await claims.admit();
    const release = Promise.withResolvers<undefined>();
    const began = Promise.withResolvers<void>();
    const first = withClaim(claims.contextOf(), { runId, step: STEP }, () => {
      began.resolve();
      return release.promise;
    });
    await began.promise;
    await expect(withClaim(claims.contextOf(), { runId, step: STEP }, untilAborted)).rejects.toMatchObject({
      code: 'STEP_BUSY',
      retryAfterSeconds: 2,
    });
    release.resolve(undefined);
    expect(await first).toBeUndefined();
    expect(await claims.stepOf(runId)).toMatchObject({ status: 'done', attempt: 1 });
  });

  test('is renewed while an earlier renewal hangs; at most 3 wait, so that they do not occupy all connections', async () => {
    const runId = await claims.admit();
    const hung = Promise.withResolvers<boolean>();
    const renewClaim = vi.fn(() => hung.promise);
    const context = {
      ...claims.contextOf(undefined, { CLAIM_LEASE_SECONDS: '6' }),
      ledger: { ...claims.ledger, renewClaim },
    };
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const reply = await withClaim(context, { runId, step: STEP }, async () => {
      vi.advanceTimersByTime(2_000); // Two intervals.
      expect(renewClaim).toHaveBeenCalledTimes(2);
      vi.advanceTimersByTime(10_000);
      expect(renewClaim).toHaveBeenCalledTimes(3);
      hung.resolve(true);
      await hung.promise;
      await setImmediate();
      vi.advanceTimersByTime(1_000);
      expect(renewClaim).toHaveBeenCalledTimes(4);
      return replyOf(runId);
    }).finally(() => vi.useRealTimers());
    expect(reply).toBeDefined();
  });

  test('does not watch for the end of its run while it is short', async () => {
    const runId = await claims.admit();
    const watchRunEnds = vi.fn(claims.ledger.watchRunEnds);
    const context = { ...claims.contextOf(), ledger: { ...claims.ledger, watchRunEnds } };
    await withClaim(context, { runId, step: STEP }, () => Promise.resolve(replyOf(runId)));
    expect(watchRunEnds).not.toHaveBeenCalled();
  });

  test('that failed is released with its error, and can be claimed again immediately', async () => {
    const runId = await claims.admit();
    const failed = withClaim(claims.contextOf(), { runId, step: STEP }, () =>
      Promise.reject(new SluiceError('STORE_UNAVAILABLE', 'away', { details: { key: 'a b#é' } })),
    );
    await expect(failed).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await claims.stepOf(runId)).toMatchObject({
      status: 'failed',
      owner: null,
      error: { code: 'STORE_UNAVAILABLE', message: 'away', details: { key: 'a b#é' } },
    });
    expect(
      await withClaim(claims.contextOf(), { runId, step: STEP }, ({ attempt, token }) =>
        Promise.resolve(token === 2 && attempt === 2 ? replyOf(runId) : undefined),
      ),
    ).toBeDefined();
  });

  test('whose programs were killed reports the number of attempts and the likely reason', async () => {
    const runId = await claims.admit();
    const killed = new SluiceError('PROGRAM_KILLED', 'é.zip: The kernel ended ogr2ogr.', {
      details: { file: 'é.zip' },
    });
    const fail = (error: SluiceError) =>
      withClaim(claims.contextOf(), { runId, step: STEP }, () => Promise.reject(error)).catch(
        (thrown: unknown) => thrown,
      );
    expect(await fail(killed)).toMatchObject({ message: killed.message, retryable: true, details: { kills: 1 } });
    await fail(killed);
    const message =
      'é.zip: The kernel ended ogr2ogr. Programs of this step were killed in 3 consecutive attempts. ' +
      'The memory may be insufficient.';
    expect(await fail(killed)).toMatchObject({ message, details: { file: 'é.zip', kills: 3 } });
    expect(await claims.stepOf(runId)).toMatchObject({
      error: { code: 'PROGRAM_KILLED', message, details: { kills: 3 } },
    });
    await fail(new SluiceError('DISK_FULL', 'full'));
    expect(await fail(killed)).toMatchObject({ message: killed.message, details: { kills: 1 } });
  });

  test('of an ended run is not executed, and archive waits for the end of the run', async () => {
    const runId = await claims.admit();
    await expect(withClaim(claims.contextOf(), { runId, step: 'archive' }, untilAborted)).rejects.toMatchObject({
      code: 'STEP_BUSY',
    });
    await claims.ledger.endRun(runId, 'canceled', null);
    const work = vi.fn(() => Promise.resolve(undefined));
    expect(await withClaim(claims.contextOf(), { runId, step: STEP }, work)).toBeUndefined();
    expect(work).not.toHaveBeenCalled();
    await withClaim(claims.contextOf(), { runId, step: 'archive' }, work);
    expect(work).toHaveBeenCalledOnce();
  });

  test('can end its run in the same write', async () => {
    const runId = await claims.admit();
    await withClaim(claims.contextOf(), { runId, step: STEP, endRunAs: 'success' }, () =>
      Promise.resolve(replyOf(runId)),
    );
    expect(await claims.ledger.getRun(runId)).toMatchObject({ status: 'success' });
  });
});

describe('work is interrupted', () => {
  test('when the run is canceled; the function returns nothing and records no reply', async () => {
    const runId = await claims.admit();
    const aborted = vi.fn();
    const began = Promise.withResolvers<void>();
    // The claim is not renewed during the test, so that only the check after a second can interrupt the work.
    const context = claims.contextOf(undefined, { CLAIM_LEASE_SECONDS: '3600' });
    const call = withClaim(context, { runId, step: STEP }, async (claim) => {
      began.resolve();
      claim.signal.addEventListener('abort', aborted);
      return untilAborted(claim);
    });
    await began.promise;
    await claims.ledger.endRun(runId, 'canceled', null);
    expect(await call).toBeUndefined();
    expect(aborted).toHaveBeenCalledOnce();
    expect(await claims.stepOf(runId)).toMatchObject({ status: 'failed', reply: null });
  });

  test('when the run is canceled while the process receives the ends of runs', async () => {
    const runId = await claims.admit();
    const [renewClaim, watchRunEnds] = [vi.fn(claims.ledger.renewClaim), vi.fn(claims.ledger.watchRunEnds)];
    const base = claims.contextOf(undefined, { CLAIM_LEASE_SECONDS: '3600' });
    const context = { ...base, ledger: { ...claims.ledger, renewClaim, watchRunEnds } };
    const call = withClaim(context, { runId, step: STEP }, untilAborted);
    // The claim is checked once when the ends of runs are received.
    await vi.waitFor(() => expect(renewClaim).toHaveBeenCalledOnce(), { timeout: 30_000 });
    await renewClaim.mock.results[0]?.value;
    await claims.ledger.endRun(runId, 'canceled', null);
    expect(await call).toBeUndefined();
    expect(watchRunEnds).toHaveBeenCalledOnce();
    expect(watchRunEnds.mock.calls[0]?.[1].aborted).toBe(true);
  });

  test('when the run is canceled while a renewal hangs', async () => {
    const runId = await claims.admit();
    const renewClaim = vi.fn(claims.ledger.renewClaim).mockReturnValueOnce(new Promise(() => undefined));
    const context = { ...claims.contextOf(), ledger: { ...claims.ledger, renewClaim } };
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const began = Promise.withResolvers<void>();
    const call = withClaim(context, { runId, step: STEP }, (claim) => {
      vi.advanceTimersByTime((context.env.CLAIM_LEASE_SECONDS * 1000) / RENEWALS_PER_LEASE);
      began.resolve();
      return untilAborted(claim);
    }).finally(() => vi.useRealTimers());
    await began.promise;
    expect(renewClaim).toHaveBeenCalledTimes(1);
    await claims.ledger.endRun(runId, 'canceled', null);
    expect(await call).toBeUndefined();
  });

  test('when it takes longer than STEP_TIMEOUT_SECONDS, with an error that names the limit', async () => {
    const runId = await claims.admit();
    const context = claims.contextOf(undefined, { STEP_TIMEOUT_SECONDS: '1' });
    await expect(withClaim(context, { runId, step: STEP }, untilAborted)).rejects.toMatchObject({
      code: 'STEP_TIMEOUT',
      message: `Step ${STEP} of run ${runId} exceeded 1 s (STEP_TIMEOUT_SECONDS).`,
    });
    expect(await claims.stepOf(runId)).toMatchObject({ status: 'failed', error: { code: 'STEP_TIMEOUT' } });
  });

  test('when the process stops; the step can be claimed after the next start', async () => {
    const runId = await claims.admit();
    const stopping = new AbortController();
    const call = withClaim(claims.contextOf(stopping.signal), { runId, step: STEP }, (claim) => {
      stopping.abort();
      return untilAborted(claim);
    });
    await expect(call).rejects.toMatchObject({ code: 'FUNCTION_UNAVAILABLE' });
    expect(await claims.stepOf(runId)).toMatchObject({ owner: null });
  });

  test('and is abandoned when it ignores its signal', async () => {
    const runId = await claims.admit();
    const stopping = new AbortController();
    const call = withClaim(claims.contextOf(stopping.signal), { runId, step: STEP }, async () => {
      await Promise.resolve(); // The claim observes its signal from here on.
      vi.useFakeTimers({ toFake: ['setTimeout'] });
      stopping.abort();
      vi.runAllTimers();
      vi.useRealTimers();
      return new Promise(() => undefined);
    });
    await expect(call).rejects.toMatchObject({ code: 'FUNCTION_UNAVAILABLE' });
    expect(await claims.stepOf(runId)).toMatchObject({ status: 'failed', owner: null });
  });
});
