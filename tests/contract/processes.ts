import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Job, JobResult } from './claimer.ts';
import type { OpenedLedger } from './opened-ledger.ts';
import { admitBatch, newDatasetId } from '../fixtures/documents.ts';
import { claimed, sampleDraft } from './samples.ts';

/** The tests with several operating-system processes, which share only the ledger. */
export function processContract(on: OpenedLedger): void {
  describe('two processes', () => {
    let children: ChildProcess[] = [];
    beforeAll(async () => {
      children = await Promise.all(
        [0, 1].map(async () => {
          const child = fork(new URL('claimer.ts', import.meta.url), [JSON.stringify(on.opener)]);
          await once(child, 'message');
          return child;
        }),
      );
    });
    afterAll(async () => {
      await Promise.all(
        children.map(async (child) => {
          const ended = once(child, 'exit');
          child.disconnect();
          await ended;
        }),
      );
    });

    /** Both processes start before either has finished. */
    const perform = async (jobs: Job[]) => {
      const results = await Promise.all(
        children.map(async (child, index) => {
          child.send(jobs[index] as Job);
          return ((await once(child, 'message')) as [JobResult])[0];
        }),
      );
      return results.flat();
    };

    test('of 50 claims of one step, exactly one succeeds', async () => {
      for (let round = 0; round < 10; round++) {
        const run = await admitBatch(on.ledger);
        const outcomes = await perform(
          [0, 1].map((child) => ({
            kind: 'claim',
            runId: run.run_id,
            step: 'load-to-postgis',
            claimers: 25,
            name: `process ${child}`,
          })),
        );
        expect(outcomes.sort()).toEqual(['claimed', ...Array.from({ length: 49 }, () => 'held')]);
        expect((await on.ledger.getRun(run.run_id))?.steps[0]).toMatchObject({ token: 1, attempt: 1 });
      }
    });

    test('20 runs of one dataset register versions 1 to 20 without a gap', async () => {
      const datasetId = newDatasetId();
      const work = await Promise.all(
        Array.from({ length: 20 }, async () => {
          const run = await admitBatch(on.ledger, { datasetId });
          return { claim: await claimed(on.ledger, run, 'export-geoparquet'), draft: sampleDraft(run) };
        }),
      );
      const versions = await perform([
        { kind: 'register', work: work.slice(0, 10) },
        { kind: 'register', work: work.slice(10) },
      ]);
      expect(versions.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    });
  });
}
