import assert from 'node:assert/strict';
import { describe, expect, test } from 'vitest';
import { type ClaimRef, type Status, STATUSES, isAllowed } from '#shared/contracts/statuses.ts';
import type { OpenedLedger } from './opened-ledger.ts';
import { admitBatch, newBatch } from '../fixtures/documents.ts';
import { claimed, LEASE_SECONDS, OWNER, sampleReply } from './samples.ts';

const ERROR = { code: 'CANCELED' as const, message: 'ana müller canceled it', details: { operator: 'ana müller' } };
const ENDS = STATUSES.filter((status) => status !== 'running');

export function transitionContract(on: OpenedLedger): void {
  const runThatIs = async (status: Status) => {
    const run = await admitBatch(on.ledger);
    if (status === 'success')
      await on.ledger.finishStep(await claimed(on.ledger, run, 'record-lineage'), sampleReply(run), 'success');
    else if (status !== 'running') await on.ledger.endRun(run.run_id, status, null);
    return run;
  };

  const takenOver = async (claim: ClaimRef): Promise<ClaimRef> => {
    const request = { ...claim, owner: 'another', takeOverFrom: OWNER, leaseSeconds: LEASE_SECONDS };
    const result = await on.ledger.claimStep(request);
    assert(result.outcome === 'claimed', `The outcome of the claim is ${result.outcome}.`);
    return { ...claim, token: result.token };
  };

  describe('status of runs', () => {
    for (const from of STATUSES) {
      for (const to of ['failure', 'canceled'] as const) {
        if (isAllowed(from, to)) {
          test(`${from} becomes ${to} and stores its error`, async () => {
            const run = await runThatIs(from);
            const { changed, run: ended } = await on.ledger.endRun(run.run_id, to, ERROR);
            expect(changed).toBe(true);
            expect(ended).toMatchObject({ status: to, error: ERROR });
            expect(ended.finished_at).not.toBeNull();
            expect(await on.second.getRun(run.run_id)).toEqual(ended);
          });
        } else if (from === to) {
          test(`${to} again changes nothing`, async () => {
            const run = await runThatIs(from);
            const before = await on.ledger.getRun(run.run_id);
            expect(await on.second.endRun(run.run_id, to, ERROR)).toEqual({ changed: false, run: before });
            expect(await on.ledger.getRun(run.run_id)).toEqual(before);
          });
        } else {
          test(`${from} cannot become ${to}`, async () => {
            const run = await runThatIs(from);
            const before = await on.ledger.getRun(run.run_id);
            await expect(on.second.endRun(run.run_id, to, ERROR)).rejects.toMatchObject({
              code: 'TRANSITION_ILLEGAL',
              details: { run_id: run.run_id, from, to },
            });
            expect(await on.ledger.getRun(run.run_id)).toEqual(before);
          });
        }
      }
      if (from !== 'running') {
        test(`${from} cannot become success`, async () => {
          const run = await admitBatch(on.ledger);
          const claim = await claimed(on.ledger, run, 'record-lineage');
          if (from === 'success') await on.ledger.finishStep(await takenOver(claim), null, 'success');
          else await on.ledger.endRun(run.run_id, from, null);
          const before = await on.ledger.getRun(run.run_id);
          await expect(on.ledger.finishStep(claim, null, 'success')).rejects.toMatchObject({ code: 'CLAIM_STALE' });
          expect(await on.ledger.getRun(run.run_id)).toEqual(before);
        });
      }
    }

    test('a running step ends with its run and gets the error of the run', async () => {
      const run = await admitBatch(on.ledger);
      await claimed(on.ledger, run, 'load-to-postgis');
      const { run: ended } = await on.ledger.endRun(run.run_id, 'canceled', ERROR);
      expect(ended.steps.map((step) => [step.status, step.owner, step.error])).toEqual([
        ['failed', null, ERROR],
        ...Array.from({ length: 4 }, () => ['pending', null, null]),
      ]);
    });

    test('a run stays running while the named step is done or claimed', async () => {
      const run = await admitBatch(on.ledger);
      const fail = (step: string, orClaimed: boolean) =>
        on.second.endRun(run.run_id, 'failure', ERROR, { step, orClaimed });
      const claim = await claimed(on.ledger, run, 'transform-recipe');
      const before = await on.ledger.getRun(run.run_id);
      expect(await fail('transform-recipe', true)).toEqual({ changed: false, run: before });
      expect(await fail('load-to-postgis', false)).toEqual({ changed: false, run: before });
      expect(await on.ledger.getRun(run.run_id)).toEqual(before);
      await on.ledger.renewClaim(claim, 0);
      expect(await fail('transform-recipe', true)).toMatchObject({ changed: true, run: { status: 'failure' } });
      expect(await fail('load-to-postgis', true)).toMatchObject({ changed: false, run: { status: 'failure' } });
    });

    test('a claim alone does not keep a run running', async () => {
      const run = await admitBatch(on.ledger);
      const { step } = await claimed(on.ledger, run, 'load-to-postgis');
      const unless = { step, orClaimed: false };
      expect(await on.ledger.endRun(run.run_id, 'failure', ERROR, unless)).toMatchObject({ changed: true });
    });

    test('of a concurrent cancellation and failure, one succeeds', async () => {
      for (let round = 0; round < 10; round++) {
        const run = await admitBatch(on.ledger);
        const results = await Promise.allSettled([
          on.ledger.endRun(run.run_id, 'canceled', null),
          on.second.endRun(run.run_id, 'failure', ERROR),
        ]);
        expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
      }
    });

    test('an unknown run is an error that names it', async () => {
      await expect(on.ledger.endRun('00000000-0000-8000-8000-000000000000', 'canceled', null)).rejects.toMatchObject({
        code: 'RUN_NOT_FOUND',
      });
    });
  });

  describe('status of manifests', () => {
    for (const from of STATUSES) {
      for (const to of ENDS) {
        test(`${from} ${isAllowed(from, to) ? 'becomes' : from === to ? 'stays' : 'cannot become'} ${to}`, async () => {
          const { manifest, run, dataset } = newBatch();
          await on.ledger.admitManifest(manifest, run, dataset);
          if (from !== 'running') await on.ledger.endManifest(manifest._id, from, null);
          const before = await on.ledger.getManifest(manifest._id);
          const change = on.second.endManifest(manifest._id, to, ERROR);
          if (isAllowed(from, to)) {
            await change;
            expect(await on.ledger.getManifest(manifest._id)).toMatchObject({ status: to, error: ERROR });
            return;
          }
          if (from === to) await change;
          else await expect(change).rejects.toMatchObject({ code: 'TRANSITION_ILLEGAL', details: { from, to } });
          expect(await on.ledger.getManifest(manifest._id)).toEqual(before);
        });
      }
    }
  });
}
