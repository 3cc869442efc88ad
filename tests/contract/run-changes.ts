import { describe, expect, test, vi } from 'vitest';
import type { OpenedLedger } from './opened-ledger.ts';
import { admitBatch } from '../fixtures/documents.ts';
import { claimed, LEASE_SECONDS, succeedWith } from './samples.ts';

export function runChangeContract(on: OpenedLedger): void {
  describe('changes of runs', () => {
    test('a listener gets each change with its status, including those from another process, until it stops', async () => {
      const stop = new AbortController();
      const changes: [string, string][] = [];
      await on.second.watchRuns((runId, status) => changes.push([runId, status]), stop.signal);
      const run = await admitBatch(on.ledger);
      const ref = await claimed(on.ledger, run, 'load-to-postgis');
      await on.ledger.finishStep(ref, null);
      await on.ledger.endRun(run.run_id, 'canceled', null);
      const mine = () => changes.filter(([runId]) => runId === run.run_id).map(([, status]) => status);
      await vi.waitFor(() => expect(mine().at(-1)).toBe('canceled'), { timeout: 10_000 });
      expect(mine()[0]).toBe('running');
      stop.abort();
      const count = changes.length;
      const heard: string[] = [];
      const stopOther = new AbortController();
      await on.second.watchRuns((runId) => heard.push(runId), stopOther.signal);
      const later = await admitBatch(on.ledger);
      await vi.waitFor(() => expect(heard).toContain(later.run_id), { timeout: 10_000 });
      expect(changes).toHaveLength(count);
      stopOther.abort();
    });

    test('a listener for the ends of runs gets no other change', async () => {
      const ends: [string, string][] = [];
      const stop = new AbortController();
      await on.second.watchRunEnds((runId, status) => ends.push([runId, status]), stop.signal);
      const run = await admitBatch(on.ledger);
      await on.ledger.finishStep(await claimed(on.ledger, run, 'load-to-postgis'), null);
      await claimed(on.ledger, run, 'transform-recipe');
      await on.ledger.endRun(run.run_id, 'failure', null);
      const succeeded = await admitBatch(on.ledger);
      await succeedWith(on.ledger, await claimed(on.ledger, succeeded, 'record-lineage'), []);
      const of = ({ run_id }: { run_id: string }) => ends.filter(([runId]) => runId === run_id);
      await vi.waitFor(() => expect(of(succeeded)).not.toEqual([]), { timeout: 10_000 });
      expect(new Set(of(run).map(([, status]) => status))).toEqual(new Set(['failure']));
      expect(new Set(of(succeeded).map(([, status]) => status))).toEqual(new Set(['success']));
      stop.abort();
    });

    test('listeners do not get the renewal of a claim', async () => {
      const run = await admitBatch(on.ledger);
      const ref = await claimed(on.ledger, run, 'load-to-postgis');
      const heard: string[] = [];
      const stop = new AbortController();
      const barrier = async () => {
        const later = await admitBatch(on.ledger);
        await vi.waitFor(() => expect(heard).toContain(later.run_id), { timeout: 10_000 });
      };
      await on.second.watchRuns((runId) => heard.push(runId), stop.signal);
      await barrier();
      heard.length = 0;
      await on.ledger.renewClaim(ref, LEASE_SECONDS);
      await barrier();
      expect(heard).not.toContain(run.run_id);
      stop.abort();
    });
  });
}
