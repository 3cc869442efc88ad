import { describe, expect, test } from 'vitest';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { ClaimRequest } from '#shared/ledger/ledger.ts';
import type { OpenedLedger } from './opened-ledger.ts';
import { admitBatch } from '../fixtures/documents.ts';
import { claimed, LEASE_SECONDS, OWNER, registerCompleteAsset, sampleDraft, sampleReply } from './samples.ts';

/** A name with characters that a query must not interpret. */
const FIRST = '$db-ä.example:5432/räumlich $1';
const SECOND = '[::1]:5433/spatial';
const ERROR = { code: 'DATABASE_UNAVAILABLE' as const, message: `${FIRST}: connect ECONNREFUSED`, details: {} };

export function placementContract(on: OpenedLedger): void {
  const claim = (run: RunDocument, other: Partial<ClaimRequest>) =>
    on.ledger.claimStep({
      runId: run.run_id,
      step: 'load-to-postgis',
      owner: OWNER,
      leaseSeconds: LEASE_SECONDS,
      ...other,
    });
  const placementOf = async (run: RunDocument) => (await on.second.getRun(run.run_id))?.placement;
  const first = (run: RunDocument, token = 1) => ({ runId: run.run_id, step: 'load-to-postgis' as const, token });

  describe('placements', () => {
    test('the claim with a server places the run in the same write', async () => {
      const run = await admitBatch(on.ledger);
      expect(await claim(run, { server: FIRST })).toMatchObject({
        outcome: 'claimed',
        run: { placement: { server: FIRST, token: 1 } },
      });
      expect(await placementOf(run)).toEqual({ server: FIRST, token: 1 });
    });

    test('a claim without a server, and one that is rejected, place no run', async () => {
      const run = await admitBatch(on.ledger);
      await claim(run, {});
      expect((await claim(run, { server: FIRST, owner: 'another' })).outcome).toBe('held');
      expect((await claim(run, { server: FIRST, step: 'transform-recipe' })).outcome).toBe('early');
      expect(await on.ledger.getRun(run.run_id)).not.toHaveProperty('placement');
      await on.ledger.endRun(run.run_id, 'canceled', null);
      expect((await claim(run, { server: FIRST })).outcome).toBe('ended');
      expect(await on.ledger.getRun(run.run_id)).not.toHaveProperty('placement');
    });

    test('a later claim does not change the placement, even when its owner has ended', async () => {
      const run = await admitBatch(on.ledger);
      await claim(run, { server: FIRST });
      expect(await claim(run, { server: SECOND, owner: 'new', takeOverFrom: OWNER })).toMatchObject({
        outcome: 'claimed',
        token: 2,
        run: { placement: { server: FIRST, token: 1 } },
      });
      expect(await placementOf(run)).toEqual({ server: FIRST, token: 1 });
    });

    test('of 20 deliveries that prefer different servers, all agree on one', async () => {
      const run = await admitBatch(on.ledger);
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          (index % 2 ? on.ledger : on.second).claimStep({
            runId: run.run_id,
            step: 'load-to-postgis',
            owner: `owner ${index}`,
            leaseSeconds: LEASE_SECONDS,
            server: `server-${index}:5432/spatial`,
          }),
        ),
      );
      const won = results.flatMap((result) => (result.outcome === 'claimed' ? [result.run.placement] : []));
      expect(won).toEqual([await placementOf(run)]);
    });

    test('the claim that placed the run removes the placement when it is released, and the next claim places it', async () => {
      const run = await admitBatch(on.ledger);
      await claim(run, { server: FIRST });
      await on.ledger.releaseStep(first(run), ERROR, { unplace: true });
      const released = await on.second.getRun(run.run_id);
      expect(released).not.toHaveProperty('placement');
      expect(released?.steps[0]).toMatchObject({ status: 'failed', error: ERROR, token: 1 });
      expect(await claim(run, { server: SECOND })).toMatchObject({
        outcome: 'claimed',
        run: { placement: { server: SECOND, token: 2 } },
      });
    });

    test('a stale claim, and a claim that did not place the run, keep the placement', async () => {
      const run = await admitBatch(on.ledger);
      await claim(run, { server: FIRST });
      await claim(run, { server: FIRST, owner: 'new', takeOverFrom: OWNER });
      await on.ledger.releaseStep(first(run, 1), ERROR, { unplace: true });
      expect(await placementOf(run)).toEqual({ server: FIRST, token: 1 });
      await on.ledger.releaseStep(first(run, 2), ERROR, { unplace: true });
      expect(await placementOf(run)).toEqual({ server: FIRST, token: 1 });
      expect((await on.ledger.getRun(run.run_id))?.steps[0]).toMatchObject({ status: 'failed', token: 2 });
    });

    test('a release without unplace, a restart and the end of the run keep the placement', async () => {
      const run = await admitBatch(on.ledger);
      await claim(run, { server: FIRST });
      await on.ledger.releaseStep(first(run), ERROR);
      expect(await placementOf(run)).toEqual({ server: FIRST, token: 1 });
      await on.ledger.finishStep(await claimed(on.ledger, run, 'load-to-postgis'), sampleReply(run));
      const restarted = await on.ledger.restartRun(await claimed(on.ledger, run, 'transform-recipe'), ERROR);
      expect(restarted.placement).toEqual({ server: FIRST, token: 1 });
      await registerCompleteAsset(on.ledger, await claimed(on.ledger, run, 'record-lineage'), sampleDraft(run));
      expect(await on.second.getRun(run.run_id)).toMatchObject({
        status: 'success',
        placement: { server: FIRST, token: 1 },
      });
    });

    test('a release that must not remove a placement works for a run without one', async () => {
      const run = await admitBatch(on.ledger);
      await claim(run, {});
      await on.ledger.releaseStep(first(run), ERROR, { unplace: true });
      expect(await on.second.getRun(run.run_id)).not.toHaveProperty('placement');
      expect((await claim(run, {})).outcome).toBe('claimed');
    });
  });
}
