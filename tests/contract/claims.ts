import { describe, expect, test, vi } from 'vitest';
import { deterministicUuid } from '#shared/events/event.ts';
import { type RunDocument } from '#shared/ledger/documents.ts';
import type { ClaimRequest } from '#shared/ledger/ledger.ts';
import { LANE_STEPS, LANES, type StepName } from '#shared/contracts/lanes.ts';
import type { OpenedLedger } from './opened-ledger.ts';
import { admitBatch } from '../fixtures/documents.ts';
import { claimed, LEASE_SECONDS, OWNER, sampleReply } from './samples.ts';

/** Long enough to observe a held claim, short enough to wait for its end. */
const TINY_LEASE_SECONDS = 0.2;
const ERROR = { code: 'FILE_UNREADABLE' as const, message: 'größe.shp is damaged', details: { file: 'größe.shp' } };

export function claimContract(on: OpenedLedger): void {
  const claim = (run: RunDocument, step: StepName, other: Partial<ClaimRequest> = {}) =>
    on.ledger.claimStep({ runId: run.run_id, step, owner: OWNER, leaseSeconds: LEASE_SECONDS, ...other });
  const stepOf = async (run: RunDocument, name: StepName) =>
    (await on.second.getRun(run.run_id))?.steps.find((step) => step.name === name);

  describe('claims', () => {
    test('a claim has the next token, a lease by the clock of the ledger, and the run after the claim', async () => {
      const run = await admitBatch(on.ledger);
      const result = await claim(run, 'load-to-postgis');
      expect(result).toMatchObject({
        outcome: 'claimed',
        token: 1,
        attempt: 1,
        run: { run_id: run.run_id, fence: 1, manifest: run.manifest },
      });
      const step = await stepOf(run, 'load-to-postgis');
      expect(step).toMatchObject({ status: 'running', attempt: 1, token: 1, owner: OWNER, finished_at: null });
      expect(Date.parse(step?.lease_until ?? '') - Date.parse(step?.started_at ?? '')).toBe(LEASE_SECONDS * 1000);
      expect(result).toMatchObject({ run: await on.second.getRun(run.run_id) });
    });

    test.each(LANES)(
      'every step of the %s lane is claimed and finished in turn, with tokens that grow',
      async (lane) => {
        const run = await admitBatch(on.ledger, { lane });
        for (const [index, step] of LANE_STEPS[lane].entries()) {
          const ref = await claimed(on.ledger, run, step);
          expect(ref.token).toBe(index + 1);
          await on.ledger.finishStep(ref, sampleReply(run), step === 'record-lineage' ? 'success' : undefined);
        }
        const stored = await on.second.getRun(run.run_id);
        expect(stored).toMatchObject({ status: 'success', fence: LANE_STEPS[lane].length });
        expect(
          stored?.steps.every(
            (step) =>
              step.status === 'done' && step.owner === null && step.lease_until === null && step.finished_at !== null,
          ),
        ).toBe(true);
      },
    );

    test('a held step returns its owner and the end of the lease', async () => {
      const run = await admitBatch(on.ledger);
      await claimed(on.ledger, run, 'load-to-postgis');
      const held = await on.second.claimStep({
        runId: run.run_id,
        step: 'load-to-postgis',
        owner: 'another',
        leaseSeconds: 1,
      });
      expect(held).toEqual({
        outcome: 'held',
        owner: OWNER,
        leaseUntil: (await stepOf(run, 'load-to-postgis'))?.lease_until,
      });
      expect((await stepOf(run, 'load-to-postgis'))?.token).toBe(1);
    });

    test('a done step returns its recorded reply, even after the run has ended', async () => {
      const run = await admitBatch(on.ledger);
      const reply = sampleReply(run);
      await on.ledger.finishStep(await claimed(on.ledger, run, 'load-to-postgis'), reply);
      expect(await claim(run, 'load-to-postgis')).toEqual({
        outcome: 'done',
        reply,
        run: await on.ledger.getRun(run.run_id),
      });
      await on.ledger.finishStep(await claimed(on.ledger, run, 'transform-recipe'), null);
      expect(await claim(run, 'transform-recipe')).toMatchObject({ outcome: 'done', reply: null });
      await on.ledger.endRun(run.run_id, 'failure', ERROR);
      expect(await claim(run, 'load-to-postgis', { takeOverFrom: OWNER })).toMatchObject({ outcome: 'done', reply });
    });

    test('an expired claim can be replaced, and is stale then', async () => {
      const run = await admitBatch(on.ledger);
      const older = await claimed(on.ledger, run, 'load-to-postgis', TINY_LEASE_SECONDS);
      expect((await claim(run, 'load-to-postgis')).outcome).toBe('held');
      await vi.waitFor(
        async () =>
          expect(await claim(run, 'load-to-postgis', { owner: 'another' })).toMatchObject({
            outcome: 'claimed',
            token: 2,
            attempt: 2,
          }),
        { timeout: 10_000 },
      );
      await expect(on.ledger.finishStep(older, null)).rejects.toMatchObject({ code: 'CLAIM_STALE' });
      expect(await stepOf(run, 'load-to-postgis')).toMatchObject({ status: 'running', owner: 'another', token: 2 });
    });

    test('an expired claim that was not replaced is still current', async () => {
      const run = await admitBatch(on.ledger);
      const ref = await claimed(on.ledger, run, 'load-to-postgis', 0);
      expect(await on.ledger.renewClaim(ref, LEASE_SECONDS)).toBe(true);
      expect((await claim(run, 'load-to-postgis')).outcome).toBe('held');
      await on.ledger.finishStep(ref, null);
    });

    test('a renewed claim is held longer', async () => {
      const run = await admitBatch(on.ledger);
      const ref = await claimed(on.ledger, run, 'load-to-postgis', 1);
      const before = await stepOf(run, 'load-to-postgis');
      expect(await on.ledger.renewClaim(ref, LEASE_SECONDS)).toBe(true);
      const after = await stepOf(run, 'load-to-postgis');
      expect(Date.parse(after?.lease_until ?? '')).toBeGreaterThan(Date.parse(before?.lease_until ?? '') + 500_000);
      expect({ ...after, lease_until: null }).toEqual({ ...before, lease_until: null });
    });

    test('a claim is taken over only from the owner that the request names', async () => {
      const run = await admitBatch(on.ledger);
      const older = await claimed(on.ledger, run, 'load-to-postgis');
      expect((await claim(run, 'load-to-postgis', { owner: 'new', takeOverFrom: 'another owner' })).outcome).toBe(
        'held',
      );
      expect(await claim(run, 'load-to-postgis', { owner: 'new', takeOverFrom: OWNER })).toMatchObject({
        outcome: 'claimed',
        token: 2,
      });
      expect((await claim(run, 'load-to-postgis', { owner: 'third', takeOverFrom: OWNER })).outcome).toBe('held');
      expect(await on.ledger.renewClaim(older, LEASE_SECONDS)).toBe(false);
    });

    test('a released step has its error and can be claimed', async () => {
      const run = await admitBatch(on.ledger);
      const ref = await claimed(on.ledger, run, 'load-to-postgis');
      await on.ledger.releaseStep(ref, ERROR);
      const released = await stepOf(run, 'load-to-postgis');
      expect(released).toMatchObject({ status: 'failed', error: ERROR, owner: null, lease_until: null, attempt: 1 });
      await on.ledger.releaseStep(ref, { ...ERROR, message: 'a repeat' });
      expect(await stepOf(run, 'load-to-postgis')).toEqual(released);
      const again = await claim(run, 'load-to-postgis');
      expect(again).toMatchObject({ outcome: 'claimed', token: 2, attempt: 2 });
      await on.ledger.finishStep({ ...ref, token: 2 }, null);
      expect(await stepOf(run, 'load-to-postgis')).toMatchObject({ status: 'done', error: null });
    });

    test('an error with characters that cannot be stored is kept', async () => {
      const run = await admitBatch(on.ledger);
      await on.ledger.releaseStep(await claimed(on.ledger, run, 'load-to-postgis'), {
        ...ERROR,
        message: 'near \0 and \ud83d',
      });
      expect((await stepOf(run, 'load-to-postgis'))?.error?.message).toBe('near \uFFFD and \uFFFD');
    });

    test('rejects a reply with characters that cannot be stored', async () => {
      const run = await admitBatch(on.ledger);
      const claim = await claimed(on.ledger, run, 'load-to-postgis');
      const reply = { ...sampleReply(run), data: { run_id: run.run_id, note: 'x\ud83d' } };
      await expect(on.ledger.finishStep(claim, reply)).rejects.toMatchObject({
        code: 'REQUEST_INVALID',
        message: expect.stringContaining('data.note') as string,
      });
      expect((await on.second.getRun(run.run_id))?.steps[0]).toMatchObject({ status: 'running', reply: null });
    });

    test('a repeated finish with the same token changes nothing', async () => {
      const run = await admitBatch(on.ledger);
      const ref = await claimed(on.ledger, run, 'load-to-postgis');
      await on.ledger.finishStep(ref, sampleReply(run));
      const before = await on.ledger.getRun(run.run_id);
      await on.second.finishStep(ref, null);
      expect(await on.ledger.getRun(run.run_id)).toEqual(before);
    });

    test('a step that closes its run ends it with success in the same write', async () => {
      const run = await admitBatch(on.ledger);
      await on.ledger.finishStep(await claimed(on.ledger, run, 'record-lineage'), sampleReply(run), 'success');
      const stored = await on.second.getRun(run.run_id);
      expect(stored?.status).toBe('success');
      expect(stored?.finished_at).toBe(stored?.updated_at);
    });

    test.each(LANES)('a step of the %s lane is early until the step before it is done', async (lane) => {
      const run = await admitBatch(on.ledger, { lane });
      const steps = LANE_STEPS[lane].slice(0, -1);
      for (const [index, step] of steps.entries()) {
        for (const later of steps.slice(index + 1)) expect(await claim(run, later)).toEqual({ outcome: 'early' });
        const ref = await claimed(on.ledger, run, step);
        for (const later of steps.slice(index + 1)) expect(await claim(run, later)).toEqual({ outcome: 'early' });
        await on.ledger.releaseStep(ref, ERROR);
        for (const later of steps.slice(index + 1)) expect(await claim(run, later)).toEqual({ outcome: 'early' });
        await on.ledger.finishStep(await claimed(on.ledger, run, step), sampleReply(run));
      }
      expect(await on.ledger.getRun(run.run_id)).toMatchObject({ status: 'running' });
    });

    test('archive is early while the run is running; other steps are closed after it has ended', async () => {
      const run = await admitBatch(on.ledger);
      expect(await claim(run, 'archive')).toEqual({ outcome: 'early' });
      await on.ledger.endRun(run.run_id, 'canceled', null);
      for (const step of ['load-to-postgis', 'transform-recipe', 'export-geoparquet', 'record-lineage'] as const)
        expect(await claim(run, step)).toEqual({ outcome: 'ended', status: 'canceled' });
      await on.ledger.finishStep(await claimed(on.ledger, run, 'archive'), null);
      expect((await claim(run, 'archive')).outcome).toBe('done');
    });

    test('a restarted run executes its steps again, in order, and continues its tokens', async () => {
      const run = await admitBatch(on.ledger);
      await on.ledger.finishStep(await claimed(on.ledger, run, 'load-to-postgis'), sampleReply(run));
      const ref = await claimed(on.ledger, run, 'transform-recipe');
      const restarted = await on.ledger.restartRun(ref, ERROR);
      expect(restarted).toEqual(await on.second.getRun(run.run_id));
      expect(restarted).toMatchObject({ status: 'running', restarts: 1, fence: 2 });
      expect(
        restarted.steps.map(({ status, reply, owner, token, error }) => ({ status, reply, owner, token, error })),
      ).toMatchObject([
        { status: 'pending', reply: null, owner: null, token: 1, error: null },
        { status: 'pending', reply: null, owner: null, token: 2, error: ERROR },
        ...Array.from({ length: 3 }, () => ({ status: 'pending', token: 0 })),
      ]);

      await expect(on.ledger.finishStep(ref, null)).rejects.toMatchObject({ code: 'CLAIM_STALE' });
      await expect(on.second.restartRun(ref, ERROR)).rejects.toMatchObject({ code: 'CLAIM_STALE' });
      expect(await claim(run, 'transform-recipe')).toEqual({ outcome: 'early' });
      const first = await claimed(on.ledger, run, 'load-to-postgis');
      expect(first.token).toBe(3);
      expect(await claim(run, 'transform-recipe')).toEqual({ outcome: 'early' });
      await on.ledger.finishStep(first, sampleReply(run));
      expect(await claim(run, 'export-geoparquet')).toEqual({ outcome: 'early' });
      expect(await on.ledger.restartRun(await claimed(on.ledger, run, 'transform-recipe'), ERROR)).toMatchObject({
        restarts: 2,
      });
    });

    test('a restart counts the crashes of server processes of the run', async () => {
      const run = await admitBatch(on.ledger);
      const restart = async (backendDied: boolean) => {
        const ref = await claimed(on.ledger, run, 'load-to-postgis');
        const { restarts, backend_deaths } = await on.ledger.restartRun(ref, ERROR, backendDied);
        return [restarts, backend_deaths];
      };
      expect(await restart(false)).toEqual([1, undefined]);
      expect(await restart(true)).toEqual([2, 1]);
      expect(await restart(false)).toEqual([3, 1]);
      expect(await restart(true)).toEqual([4, 2]);
    });

    test('an ended run is not restarted', async () => {
      const run = await admitBatch(on.ledger);
      const ref = await claimed(on.ledger, run, 'load-to-postgis');
      await on.ledger.endRun(run.run_id, 'canceled', null);
      await expect(on.ledger.restartRun(ref, ERROR)).rejects.toMatchObject({ code: 'CLAIM_STALE' });
      expect(await on.ledger.getRun(run.run_id)).toMatchObject({ status: 'canceled' });
    });

    test('an unknown run or step is an error that names it', async () => {
      const run = await admitBatch(on.ledger);
      await expect(claim({ ...run, run_id: deterministicUuid('none') }, 'archive')).rejects.toMatchObject({
        code: 'RUN_NOT_FOUND',
      });
      await expect(claim(run, 'export-cog')).rejects.toMatchObject({
        code: 'REQUEST_INVALID',
        message: expect.stringContaining('export-cog'),
      });
    });

    test('of concurrent claims through two connection pools, one succeeds', async () => {
      const run = await admitBatch(on.ledger);
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          (index % 2 ? on.ledger : on.second).claimStep({
            runId: run.run_id,
            step: 'load-to-postgis',
            owner: `owner ${index}`,
            leaseSeconds: LEASE_SECONDS,
          }),
        ),
      );
      expect(results.filter((result) => result.outcome === 'claimed')).toHaveLength(1);
      expect(results.filter((result) => result.outcome === 'held')).toHaveLength(49);
      expect((await on.ledger.getRun(run.run_id))?.fence).toBe(1);
    });
  });
}
