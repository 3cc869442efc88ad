import assert from 'node:assert/strict';
import { describe, expect, test } from 'vitest';
import { deterministicObjectId } from '#shared/events/event.ts';
import type { ActivityDocument, RunDocument } from '#shared/ledger/documents.ts';
import type { RunFilter } from '#shared/ledger/ledger.ts';
import type { OpenedLedger } from './opened-ledger.ts';
import { admitBatch, newBatch, newDatasetId } from '../fixtures/documents.ts';
import { claimed } from './samples.ts';

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, 0, second * 1000)).toISOString();

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

    test('finds runs by lane, time, and a part of their names in any case', async () => {
      const datasetId = newDatasetId();
      const add = async (second: number, change: (run: RunDocument) => Partial<RunDocument>) => {
        const { manifest, run, dataset } = newBatch({ datasetId });
        const changed = { ...run, created_at: at(second), ...change(run) };
        await on.ledger.admitManifest(manifest, changed, dataset);
        return changed.run_id;
      };
      const first = await add(1, () => ({ lane: 'raster' }));
      const second = await add(2, (run) => ({ tags: { ...run.tags, uploader: 'Zoë 100% (a.b)' } }));
      const third = await add(3, () => ({}));
      const ids = async (filter: RunFilter) =>
        (await on.second.listRuns({ dataset_id: datasetId, ...filter })).map(({ run_id }) => run_id);
      expect(await ids({ lane: 'raster' })).toEqual([first]);
      // Between two times, because SecantusDB omits the equal value for $gte if the index is descending.
      expect(await ids({ since: at(1.5) })).toEqual([third, second]);
      expect(await ids({ since: at(0.5), until: at(3) })).toEqual([second, first]);
      expect(await ids({ text: 'zoë 100% (A.B)' })).toEqual([second]);
      expect(await ids({ text: third.slice(0, 18).toUpperCase() })).toEqual([third]);
      expect(await ids({ text: 'zo_' })).toEqual([]);
      expect(await ids({ text: datasetId, lane: 'raster', limit: 1 })).toEqual([first]);
    });

    test('counts runs by lane, status and hour, with the time to their end', async () => {
      const hour = '2120-01-31T09';
      const add = async (minute: string, ended: Partial<RunDocument>) => {
        const { manifest, run, dataset } = newBatch();
        await on.ledger.admitManifest(manifest, { ...run, created_at: `${hour}:${minute}:00.000Z`, ...ended }, dataset);
      };
      const before = await on.second.summarizeRuns(`${hour}:00:00.000Z`);
      const runningBefore = await on.second.countRunningRuns();
      expect(before.groups).toEqual([]);
      await add('00', { status: 'success', finished_at: `${hour}:00:02.500Z` });
      await add('30', { status: 'success', finished_at: `${hour}:30:00.500Z` });
      await add('59', {});
      const { running, groups } = await on.second.summarizeRuns(`${hour}:00:00.000Z`);
      expect(running).toBe(before.running + 1);
      expect(await on.second.countRunningRuns()).toEqual({
        ...runningBefore,
        vector: (runningBefore.vector ?? 0) + 1,
      });
      expect(groups.sort((a, b) => a.status.localeCompare(b.status))).toEqual([
        { lane: 'vector', status: 'running', hour, count: 1, total_seconds: 0, max_seconds: 0 },
        { lane: 'vector', status: 'success', hour, count: 2, total_seconds: 3, max_seconds: 2.5 },
      ]);
      expect((await on.second.summarizeRuns(`${hour}:40:00.000Z`)).groups).toHaveLength(1);
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
