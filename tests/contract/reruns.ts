import { describe, expect, test } from 'vitest';
import type { OpenedLedger } from './opened-ledger.ts';
import { admitBatch } from '../fixtures/documents.ts';
import { claimed } from './samples.ts';
import { planRerun } from '#shared/run-control/rerun.ts';

export function rerunContract(on: OpenedLedger): void {
  const request = (requestId: string) => ({ operator: 'zoë', requestId, force: true });

  describe('reruns', () => {
    test('a rerun is stored in addition to the run that it repeats, and its steps can be claimed', async () => {
      const run = await admitBatch(on.ledger);
      await on.ledger.endRun(run.run_id, 'failure', null);
      const again = planRerun(run, [run], request('r-1'));
      expect(await on.ledger.insertRerun(again)).toEqual({ inserted: true, run: again });
      expect(await on.second.getRun(again.run_id)).toEqual(again);
      expect((await on.second.listRuns({ batch_id: run.batch_id })).map(({ run_id }) => run_id).sort()).toEqual(
        [run.run_id, again.run_id].sort(),
      );
      expect(await claimed(on.second, again, 'load-to-postgis')).toMatchObject({ token: 1 });
      expect(await on.ledger.getRun(run.run_id)).toMatchObject({ status: 'failure' });
    });

    test('of concurrent reruns with one run key, one is inserted and all calls return it', async () => {
      const run = await admitBatch(on.ledger);
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          (index % 2 ? on.ledger : on.second).insertRerun(planRerun(run, [run], request(`r-${index}`))),
        ),
      );
      expect(results.filter(({ inserted }) => inserted)).toHaveLength(1);
      expect(new Set(results.map((result) => result.run.request_id)).size).toBe(1);
      expect(await on.ledger.listRuns({ batch_id: run.batch_id })).toHaveLength(2);
    });

    test('a stored run key returns the stored run', async () => {
      const run = await admitBatch(on.ledger);
      const again = planRerun(run, [run], request('r-1'));
      await on.ledger.insertRerun(again);
      const { run: ended } = await on.second.endRun(again.run_id, 'canceled', null);
      expect(await on.ledger.insertRerun(again)).toEqual({ inserted: false, run: ended });
    });
  });
}
