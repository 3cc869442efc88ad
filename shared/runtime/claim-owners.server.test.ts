import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { OWNER } from '#shared/processes/owner.ts';
import { type ClaimFixture, openClaimFixture, replyOf, STEP, untilAborted } from '../../tests/fixtures/claims.ts';
import { withClaim } from './with-claim.ts';

let claims: ClaimFixture;
beforeAll(async () => {
  claims = await openClaimFixture();
});
afterAll(() => claims[Symbol.asyncDispose]());

describe('a claim that another worker took over', () => {
  test('cannot write; the other worker returns the reply', async () => {
    const runId = await claims.admit();
    const call = withClaim(claims.contextOf(), { runId, step: STEP }, async () => {
      expect(
        await claims.ledger.claimStep({
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
    expect(await claims.stepOf(runId)).toMatchObject({
      status: 'running',
      owner: 'elsewhere/boot/1/1',
      token: 2,
      reply: null,
    });
  });

  test('is not released by the first worker when its work fails', async () => {
    const runId = await claims.admit();
    const call = withClaim(claims.contextOf(), { runId, step: STEP }, async () => {
      await claims.ledger.claimStep({
        runId,
        step: STEP,
        owner: 'elsewhere/boot/1/1',
        leaseSeconds: 30,
        takeOverFrom: OWNER,
      });
      throw new SluiceError('STORE_UNAVAILABLE', 'away');
    });
    await expect(call).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await claims.stepOf(runId)).toMatchObject({ status: 'running', owner: 'elsewhere/boot/1/1' });
  });
});

describe('a claim that is held', () => {
  const hold = async (runId: string) => {
    const worker = execa(
      'node',
      [fileURLToPath(new URL('../../tests/fixtures/claim.worker.ts', import.meta.url)), claims.databaseUrl, runId],
      {
        reject: false,
      },
    );
    expect((await once(worker.stdout, 'data')).toString()).toBe('claimed\n');
    // Wrapped in an object, because the worker itself is a promise of its end.
    return { worker };
  };

  test('by a running process is busy; by a killed process is taken over immediately', async () => {
    const runId = await claims.admit();
    const { worker } = await hold(runId);
    await expect(withClaim(claims.contextOf(), { runId, step: STEP }, untilAborted)).rejects.toMatchObject({
      code: 'STEP_BUSY',
    });
    worker.kill('SIGKILL');
    await worker;
    expect(
      await withClaim(claims.contextOf(), { runId, step: STEP }, () => Promise.resolve(replyOf(runId))),
    ).toMatchObject({
      subject: runId,
    });
    expect(await claims.stepOf(runId)).toMatchObject({ status: 'done', attempt: 2, token: 2 });
  });

  test('by a process of another machine is busy', async () => {
    const runId = await claims.admit();
    await claims.ledger.claimStep({ runId, step: STEP, owner: 'elsewhere/boot/1/1', leaseSeconds: 30 });
    await expect(withClaim(claims.contextOf(), { runId, step: STEP }, untilAborted)).rejects.toMatchObject({
      code: 'STEP_BUSY',
    });
  });

  test('by this process without executing its step, because it could not be released, is taken over', async () => {
    const runId = await claims.admit();
    await claims.ledger.claimStep({ runId, step: STEP, owner: OWNER, leaseSeconds: 30 });
    expect(
      await withClaim(claims.contextOf(), { runId, step: STEP }, () => Promise.resolve(replyOf(runId))),
    ).toBeDefined();
  });
});
