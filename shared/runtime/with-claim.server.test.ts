import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { makeEvent, type SluiceEvent } from '#shared/events/event.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { openPostgresLedger } from '#shared/ledger/postgres/postgres-ledger.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import type { StepName } from '#shared/contracts/lanes.ts';
import { admitBatch } from '../../tests/fixtures/documents.ts';
import { createDatabase, testEnv } from '../../tests/servers.ts';
import type { Context } from './context.ts';
import { OWNER } from '#shared/processes/owner.ts';
import { type Claim, withClaim } from './with-claim.ts';

let database: Awaited<ReturnType<typeof createDatabase>>;
let ledger: Ledger;
beforeAll(async () => {
  database = await createDatabase();
  ledger = await openPostgresLedger(database.url);
});
afterAll(async () => {
  await ledger.close();
  await database.drop();
});

const STEP = 'load-to-postgis';
const contextOf = (signal = new AbortController().signal, variables: Record<string, string> = {}) =>
  ({ env: testEnv(variables), log: SILENT_LOG, ledger, signal }) as Context;
const replyOf = (runId: string) => makeEvent('sluice.run.requested.vector', runId, { run_id: runId });
/** Work that waits until its signal aborts. */
const untilAborted = async ({ signal }: Claim): Promise<SluiceEvent | undefined> => {
  if (!signal.aborted) await once(signal, 'abort');
  throw new SluiceError('FILE_UNREADABLE', 'ogr2ogr was killed');
};
const stepOf = async (runId: string, name: StepName = STEP) =>
  (await ledger.getRun(runId))?.steps.find((step) => step.name === name);

let batches = 0;
/** Admits a new run. */
const admit = async () => (await admitBatch(ledger, { batchId: `straßen #${(batches += 1)} é😀` })).run_id;

test('the reply has the traceparent of the run, and the step is logged', async () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const run = await admitBatch(ledger, { batchId: 'traced é', traceparent });
  const info = vi.fn();
  const context = { ...contextOf(), log: { ...SILENT_LOG, info } as unknown as Context['log'] };
  const reply = await withClaim(context, { runId: run.run_id, step: STEP }, () =>
    Promise.resolve({ ...replyOf(run.run_id), traceparent: '00-other' }),
  );
  expect(reply?.traceparent).toBe(traceparent);
  expect((await stepOf(run.run_id))?.reply).toMatchObject({ traceparent });
  expect(info.mock.calls).toEqual([
    [
      { run_id: run.run_id, step: STEP, attempt: 1, seconds: expect.any(Number) as number, reply: reply?.type },
      'Step:Execute:Done',
    ],
  ]);
});

describe('a step', () => {
  test('is executed once; a repeat returns the recorded reply', async () => {
    const runId = await admit();
    const work = vi.fn((claim: Claim) => Promise.resolve(replyOf(claim.run.run_id)));
    const first = await withClaim(contextOf(), { runId, step: STEP }, work);
    const second = await withClaim(contextOf(), { runId, step: STEP }, work);
    expect(second).toEqual(first);
    expect(work).toHaveBeenCalledOnce();
    expect(await stepOf(runId)).toMatchObject({ status: 'done', attempt: 1, owner: null, error: null });
  });

  test('that this process executes is busy, and continues', async () => {
    const runId = await admit();
    const release = Promise.withResolvers<undefined>();
    const began = Promise.withResolvers<void>();
    const first = withClaim(contextOf(), { runId, step: STEP }, () => {
      began.resolve();
      return release.promise;
    });
    await began.promise;
    await expect(withClaim(contextOf(), { runId, step: STEP }, untilAborted)).rejects.toMatchObject({
      code: 'STEP_BUSY',
      retryAfterSeconds: 2,
    });
    release.resolve(undefined);
    expect(await first).toBeUndefined();
    expect(await stepOf(runId)).toMatchObject({ status: 'done', attempt: 1 });
  });

  test('that failed is released with its error, and can be claimed again immediately', async () => {
    const runId = await admit();
    const failed = withClaim(contextOf(), { runId, step: STEP }, () =>
      Promise.reject(new SluiceError('STORE_UNAVAILABLE', 'away', { details: { key: 'a b#é' } })),
    );
    await expect(failed).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await stepOf(runId)).toMatchObject({
      status: 'failed',
      owner: null,
      error: { code: 'STORE_UNAVAILABLE', message: 'away', details: { key: 'a b#é' } },
    });
    expect(
      await withClaim(contextOf(), { runId, step: STEP }, ({ attempt, token }) =>
        Promise.resolve(token === 2 && attempt === 2 ? replyOf(runId) : undefined),
      ),
    ).toBeDefined();
  });

  test('whose programs were killed reports the number of attempts and the likely reason', async () => {
    const runId = await admit();
    const killed = new SluiceError('PROGRAM_KILLED', 'é.zip: The kernel ended ogr2ogr.', {
      details: { file: 'é.zip' },
    });
    const fail = (error: SluiceError) =>
      withClaim(contextOf(), { runId, step: STEP }, () => Promise.reject(error)).catch((thrown: unknown) => thrown);
    expect(await fail(killed)).toMatchObject({ message: killed.message, retryable: true, details: { kills: 1 } });
    await fail(killed);
    const message =
      'é.zip: The kernel ended ogr2ogr. Programs of this step were killed 3 times in a row. ' +
      'A likely reason is too little memory.';
    expect(await fail(killed)).toMatchObject({ message, details: { file: 'é.zip', kills: 3 } });
    expect(await stepOf(runId)).toMatchObject({ error: { code: 'PROGRAM_KILLED', message, details: { kills: 3 } } });
    await fail(new SluiceError('DISK_FULL', 'full'));
    expect(await fail(killed)).toMatchObject({ message: killed.message, details: { kills: 1 } });
  });

  test('of an ended run is not executed, and archive waits for the end of the run', async () => {
    const runId = await admit();
    await expect(withClaim(contextOf(), { runId, step: 'archive' }, untilAborted)).rejects.toMatchObject({
      code: 'STEP_BUSY',
    });
    await ledger.endRun(runId, 'canceled', null);
    const work = vi.fn(() => Promise.resolve(undefined));
    expect(await withClaim(contextOf(), { runId, step: STEP }, work)).toBeUndefined();
    expect(work).not.toHaveBeenCalled();
    await withClaim(contextOf(), { runId, step: 'archive' }, work);
    expect(work).toHaveBeenCalledOnce();
  });

  test('can end its run in the same write', async () => {
    const runId = await admit();
    await withClaim(contextOf(), { runId, step: STEP, close: 'success' }, () => Promise.resolve(replyOf(runId)));
    expect(await ledger.getRun(runId)).toMatchObject({ status: 'success' });
  });
});

describe('work is interrupted', () => {
  test('when the run is canceled; the function returns nothing and records no reply', async () => {
    const runId = await admit();
    const aborted = vi.fn();
    const began = Promise.withResolvers<void>();
    // The claim is not renewed during the test, so that only the notification of the ledger can interrupt the work.
    const context = contextOf(undefined, { CLAIM_LEASE_SECONDS: '3600' });
    const call = withClaim(context, { runId, step: STEP }, async (claim) => {
      began.resolve();
      claim.signal.addEventListener('abort', aborted);
      return untilAborted(claim);
    });
    await began.promise;
    await ledger.endRun(runId, 'canceled', null);
    expect(await call).toBeUndefined();
    expect(aborted).toHaveBeenCalledOnce();
    expect(await stepOf(runId)).toMatchObject({ status: 'failed', reply: null });
  });

  test('when it takes longer than STEP_TIMEOUT_SECONDS, with an error that names the limit', async () => {
    const runId = await admit();
    const context = contextOf(undefined, { STEP_TIMEOUT_SECONDS: '1' });
    await expect(withClaim(context, { runId, step: STEP }, untilAborted)).rejects.toMatchObject({
      code: 'STEP_TIMEOUT',
      message: expect.stringContaining('1 s (STEP_TIMEOUT_SECONDS)') as string,
    });
    expect(await stepOf(runId)).toMatchObject({ status: 'failed', error: { code: 'STEP_TIMEOUT' } });
  });

  test('when the process stops; the step can be claimed after the next start', async () => {
    const runId = await admit();
    const stopping = new AbortController();
    const call = withClaim(contextOf(stopping.signal), { runId, step: STEP }, (claim) => {
      stopping.abort();
      return untilAborted(claim);
    });
    await expect(call).rejects.toMatchObject({ code: 'FUNCTION_UNAVAILABLE' });
    expect(await stepOf(runId)).toMatchObject({ owner: null });
  });

  test('and abandoned when it ignores its signal', async () => {
    const runId = await admit();
    const stopping = new AbortController();
    const call = withClaim(contextOf(stopping.signal), { runId, step: STEP }, async () => {
      await Promise.resolve(); // The claim observes its signal from here on.
      vi.useFakeTimers({ toFake: ['setTimeout'] });
      stopping.abort();
      vi.runAllTimers();
      vi.useRealTimers();
      return new Promise(() => undefined);
    });
    await expect(call).rejects.toMatchObject({ code: 'FUNCTION_UNAVAILABLE' });
    expect(await stepOf(runId)).toMatchObject({ status: 'failed', owner: null });
  });
});

describe('a claim that another worker took over', () => {
  test('cannot write; the other worker returns the reply', async () => {
    const runId = await admit();
    const call = withClaim(contextOf(), { runId, step: STEP }, async () => {
      expect(
        await ledger.claimStep({
          runId,
          step: STEP,
          owner: 'elsewhere/boot/1/1',
          leaseSeconds: 30,
          takeOverFrom: OWNER,
        }),
      ).toMatchObject({ outcome: 'claimed', token: 2 });
      return replyOf(runId);
    });
    expect(await call).toBeUndefined();
    expect(await stepOf(runId)).toMatchObject({
      status: 'running',
      owner: 'elsewhere/boot/1/1',
      token: 2,
      reply: null,
    });
  });

  test('is not released by the first worker when its work fails', async () => {
    const runId = await admit();
    const call = withClaim(contextOf(), { runId, step: STEP }, async () => {
      await ledger.claimStep({ runId, step: STEP, owner: 'elsewhere/boot/1/1', leaseSeconds: 30, takeOverFrom: OWNER });
      throw new SluiceError('STORE_UNAVAILABLE', 'away');
    });
    await expect(call).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await stepOf(runId)).toMatchObject({ status: 'running', owner: 'elsewhere/boot/1/1' });
  });
});

describe('a claim that is held', () => {
  const hold = async (runId: string) => {
    const worker = execa(
      'node',
      [fileURLToPath(new URL('../../tests/fixtures/claim.worker.ts', import.meta.url)), database.url, runId],
      {
        reject: false,
      },
    );
    expect((await once(worker.stdout, 'data')).toString()).toBe('claimed\n');
    // Wrapped in an object, because the worker itself is a promise of its end.
    return { worker };
  };

  test('by a running process is busy; by a killed process is taken over immediately', async () => {
    const runId = await admit();
    const { worker } = await hold(runId);
    await expect(withClaim(contextOf(), { runId, step: STEP }, untilAborted)).rejects.toMatchObject({
      code: 'STEP_BUSY',
    });
    worker.kill('SIGKILL');
    await worker;
    expect(await withClaim(contextOf(), { runId, step: STEP }, () => Promise.resolve(replyOf(runId)))).toMatchObject({
      subject: runId,
    });
    expect(await stepOf(runId)).toMatchObject({ status: 'done', attempt: 2, token: 2 });
  });

  test('by a process of another machine is busy', async () => {
    const runId = await admit();
    await ledger.claimStep({ runId, step: STEP, owner: 'elsewhere/boot/1/1', leaseSeconds: 30 });
    await expect(withClaim(contextOf(), { runId, step: STEP }, untilAborted)).rejects.toMatchObject({
      code: 'STEP_BUSY',
    });
  });

  test('by this process without executing its step, because it could not be released, is taken over', async () => {
    const runId = await admit();
    await ledger.claimStep({ runId, step: STEP, owner: OWNER, leaseSeconds: 30 });
    expect(await withClaim(contextOf(), { runId, step: STEP }, () => Promise.resolve(replyOf(runId)))).toBeDefined();
  });
});
