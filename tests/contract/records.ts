import assert from 'node:assert/strict';
import { describe, expect, test } from 'vitest';
import { deterministicObjectId } from '#shared/events/event.ts';
import type { ActivityDocument, RunDocument } from '#shared/ledger/documents.ts';
import type { OpenedLedger } from './opened-ledger.ts';
import { admitBatch, newBatch, newDatasetId } from '../fixtures/documents.ts';
import { claimed } from './samples.ts';

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();

export function recordContract(on: OpenedLedger): void {
  describe('lists', () => {
    test('runs are listed newest first, by status, batch and dataset, in pages', async () => {
      const datasetId = newDatasetId();
      const runs: RunDocument[] = [];
      for (let second = 0; second < 5; second++) {
        const { manifest, run, dataset } = newBatch({ datasetId });
        runs.unshift({ ...run, created_at: at(second) });
        await on.ledger.admitManifest(manifest, { ...run, created_at: at(second) }, dataset);
      }
      const [, second, third] = runs;
      assert(second !== undefined && third !== undefined, 'five runs were made');
      expect(await on.second.listRuns({ dataset_id: datasetId })).toEqual(runs);
      expect(await on.second.listRuns({ dataset_id: datasetId, limit: 2, offset: 1 })).toEqual([second, third]);
      expect(await on.second.listRuns({ batch_id: third.batch_id })).toEqual([third]);
      await on.ledger.endRun(second.run_id, 'failure', null);
      expect((await on.second.listRuns({ dataset_id: datasetId, status: 'failure' })).map((run) => run.run_id)).toEqual(
        [second.run_id],
      );
      expect(await on.second.listRuns({ dataset_id: datasetId, status: 'running' })).toHaveLength(4);
      expect(await on.second.listRuns({ dataset_id: 'none' })).toEqual([]);
    });

    test('lists the runs that are not archived, with any status', async () => {
      const datasetId = newDatasetId();
      const [archived, ended, running] = [
        await admitBatch(on.ledger, { datasetId }),
        await admitBatch(on.ledger, { datasetId }),
        await admitBatch(on.ledger, { datasetId }),
      ];
      for (const run of [archived, ended]) await on.ledger.endRun(run.run_id, 'failure', null);
      await on.ledger.finishStep(await claimed(on.ledger, archived, 'archive'), null);
      await claimed(on.ledger, ended, 'archive');
      const ids = async (filter: object) =>
        (await on.second.listRuns({ dataset_id: datasetId, ...filter })).map(({ run_id }) => run_id).sort();
      expect(await ids({ archived: true })).toEqual([archived.run_id]);
      expect(await ids({ archived: false })).toEqual([ended.run_id, running.run_id].sort());
      expect(await ids({ archived: false, status: 'failure' })).toEqual([ended.run_id]);
    });

    test('a list without a limit has at most 50', async () => {
      const datasetId = newDatasetId();
      await Promise.all(
        Array.from({ length: 55 }, async () => {
          const { manifest, run, dataset } = newBatch({ datasetId });
          await on.ledger.admitManifest(manifest, run, dataset);
        }),
      );
      expect(await on.ledger.listRuns({ dataset_id: datasetId })).toHaveLength(50);
      expect(await on.ledger.listRuns({ dataset_id: datasetId, limit: 100 })).toHaveLength(55);
    });
  });

  describe('activity', () => {
    const activity = (run: RunDocument, second: number, message = 'größe $a.b'): ActivityDocument => ({
      _id: deterministicObjectId('activity', run.run_id, second),
      activity: 'run_started',
      operator: 'ana müller',
      run_id: run.run_id,
      batch_id: run.batch_id,
      message,
      details: { $a: 1 },
      at: at(second),
    });

    test('activities are stored once, and listed newest first by run and by batch', async () => {
      const { run } = newBatch();
      for (const second of [1, 3, 2]) await on.ledger.appendActivity(activity(run, second));
      await on.second.appendActivity(activity(run, 2, 'a repeat'));
      const expected = [3, 2, 1].map((second) => activity(run, second));
      expect(await on.second.listActivity({ run_id: run.run_id })).toEqual(expected);
      expect(await on.second.listActivity({ batch_id: run.batch_id, limit: 1 })).toEqual(expected.slice(0, 1));
      expect((await on.ledger.listActivity()).length).toBeGreaterThanOrEqual(3);
    });

    test('an activity that quotes characters which cannot be stored is kept', async () => {
      const { run } = newBatch();
      await on.ledger.appendActivity(activity(run, 1, 'near \0'));
      expect((await on.ledger.listActivity({ run_id: run.run_id }))[0]?.message).toBe('near \uFFFD');
    });
  });

  test('the ledger responds to a ping', () => expect(on.ledger.ping()).resolves.toBeUndefined());
}
