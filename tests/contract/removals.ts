import { describe, expect, test } from 'vitest';
import type { AssetDocument } from '#shared/ledger/documents.ts';
import type { OpenedLedger } from './opened-ledger.ts';
import { admitBatch, newDatasetId } from '../fixtures/documents.ts';
import { claimed, sampleDraft, sampleEdge, registerCompleteAsset, registerDescribedAsset } from './samples.ts';

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
const versions = (assets: AssetDocument[]) => assets.map(({ version }) => version).sort((a, b) => a - b);

export function removalContract(on: OpenedLedger): void {
  const exporting = async (datasetId: string) => {
    const run = await admitBatch(on.ledger, { datasetId });
    return { run, claim: await claimed(on.ledger, run, 'export-geoparquet') };
  };
  /** A dataset with complete versions 1 to `count`, each of another run. */
  const datasetOf = async (count: number) => {
    const datasetId = newDatasetId();
    const assets: AssetDocument[] = [];
    for (let made = 0; made < count; made += 1) {
      const { run, claim } = await exporting(datasetId);
      assets.push(await registerCompleteAsset(on.ledger, claim, sampleDraft(run)));
    }
    return { datasetId, assets };
  };

  describe('retention', () => {
    test('the later of two decisions applies, regardless of the order of the writes', async () => {
      const { datasetId } = await datasetOf(1);
      expect(await on.ledger.setRetention(datasetId, { keep_versions: 3, decided_at: at(5) })).toMatchObject({
        dataset_id: datasetId,
        latest_version: 1,
        keep_versions: 3,
      });
      expect(await on.second.setRetention(datasetId, { keep_versions: 1, decided_at: at(4) })).toMatchObject({
        keep_versions: 3,
      });
      expect(await on.second.setRetention(datasetId, { keep_versions: null, decided_at: at(6) })).toMatchObject({
        keep_versions: null,
      });
      expect(await on.second.getDataset(datasetId)).toMatchObject({ keep_versions: null, retention_decided_at: at(6) });
    });

    test('rejects a rule for an unknown dataset and a rule that keeps no version', async () => {
      await expect(
        on.ledger.setRetention(newDatasetId(), { keep_versions: 1, decided_at: at(1) }),
      ).rejects.toMatchObject({ code: 'DATASET_NOT_FOUND' });
      const { datasetId } = await datasetOf(1);
      for (const keep_versions of [0, 1.5, -1, 2 ** 31])
        await expect(on.ledger.setRetention(datasetId, { keep_versions, decided_at: at(1) })).rejects.toMatchObject({
          code: 'REQUEST_INVALID',
        });
    });

    test('removes the oldest versions; their documents stay readable as removed assets, even after the deletion of their objects', async () => {
      const { datasetId, assets } = await datasetOf(4);
      expect(await on.ledger.removeOldVersions(datasetId), 'without a rule').toEqual([]);
      await on.ledger.setRetention(datasetId, { keep_versions: 2, decided_at: at(1) });
      const removed = await on.ledger.removeOldVersions(datasetId);
      expect(versions(removed)).toEqual([1, 2]);
      expect(await on.second.removeOldVersions(datasetId), 'a repeat').toEqual([]);

      const [oldest] = assets as [AssetDocument];
      expect(versions(await on.second.listAssets({ dataset_id: datasetId }))).toEqual([3, 4]);
      expect(await on.second.getAsset(oldest._id)).toBeUndefined();
      expect(await on.second.getAssets([oldest._id])).toEqual([]);
      expect(await on.second.findAssetByKey(oldest.s3_key)).toBeUndefined();
      expect(await on.second.findAssetBySource(datasetId, oldest.source_hash)).toBeUndefined();
      expect(await on.second.getRemovedAsset(oldest._id)).toEqual({
        ...oldest,
        removed: { at: expect.any(String), reason: 'retention' },
      });
      expect(await on.second.getRemovedAsset(assets[3]?._id ?? '')).toBeUndefined();

      expect(versions(await on.second.listRemovals({ dataset_id: datasetId }))).toEqual([1, 2]);
      await on.ledger.markPurged(oldest._id);
      await on.second.markPurged(oldest._id);
      expect(versions(await on.second.listRemovals({ dataset_id: datasetId }))).toEqual([2]);
      expect(
        (await on.second.listRemovals({ limit: 100_000 })).some(
          ({ _id }) => _id === removed.find(({ version }) => version === 2)?._id,
        ),
      ).toBe(true);
      expect(await on.second.getRemovedAsset(oldest._id)).toMatchObject({ purged_at: expect.any(String) });
    });

    test('the number of a removed version is not reused, and its run gets no second asset', async () => {
      const { datasetId } = await datasetOf(1);
      const { run, claim } = await exporting(datasetId);
      const asset = await registerCompleteAsset(on.ledger, claim, sampleDraft(run));
      await on.ledger.setRetention(datasetId, { keep_versions: 1, decided_at: at(1) });
      const { run: later, claim: laterClaim } = await exporting(datasetId);
      expect((await registerCompleteAsset(on.ledger, laterClaim, sampleDraft(later))).version).toBe(3);
      expect(versions(await on.ledger.removeOldVersions(datasetId))).toEqual([1, 2]);
      const { claim: newest } = await exporting(datasetId);
      expect(await on.second.registerAsset(newest, sampleDraft(run))).toMatchObject({
        _id: asset._id,
        version: 2,
        removed: { reason: 'retention' },
      });
      await expect(on.second.describeAsset(newest, asset._id, { iso: null, item_key: 'x' })).rejects.toMatchObject({
        code: 'ASSET_NOT_FOUND',
      });
      await expect(on.second.linkAsset(newest, asset._id)).rejects.toMatchObject({ code: 'ASSET_NOT_FOUND' });
      expect(await on.second.listAssets({ run_id: run.run_id })).toEqual([]);
      expect(await on.second.getDataset(datasetId)).toMatchObject({ latest_version: 3, keep_versions: 1 });
    });

    test('an incomplete asset is neither counted nor removed; the newest complete versions are kept', async () => {
      const { datasetId } = await datasetOf(2);
      const { run, claim } = await exporting(datasetId);
      await on.ledger.registerAsset(claim, sampleDraft(run));
      await on.ledger.setRetention(datasetId, { keep_versions: 1, decided_at: at(1) });
      expect(versions(await on.ledger.removeOldVersions(datasetId))).toEqual([1]);
      expect(versions(await on.ledger.listAssets({ dataset_id: datasetId }))).toEqual([2, 3]);
    });

    test('concurrent removals remove each version once while others are registered', async () => {
      const { datasetId } = await datasetOf(6);
      await on.ledger.setRetention(datasetId, { keep_versions: 2, decided_at: at(1) });
      const registered = Promise.all(
        Array.from({ length: 4 }, async () => {
          const { run, claim } = await exporting(datasetId);
          return registerCompleteAsset(on.second, claim, sampleDraft(run));
        }),
      );
      const removed = await Promise.all(
        Array.from({ length: 12 }, (_, index) => (index % 2 ? on.ledger : on.second).removeOldVersions(datasetId)),
      );
      await registered;
      removed.push(await on.ledger.removeOldVersions(datasetId));
      expect(versions(removed.flat())).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      expect(versions(await on.ledger.listAssets({ dataset_id: datasetId }))).toEqual([9, 10]);
    });
  });

  describe('assets of an unsuccessful run', () => {
    test('are removed when the run has failed or was canceled, even if they are described', async () => {
      const { run, claim } = await exporting(newDatasetId());
      const described = await registerDescribedAsset(on.ledger, claim, sampleDraft(run, 'described'));
      const registered = await on.ledger.registerAsset(claim, sampleDraft(run, 'registered'));
      expect(await on.ledger.removeUnfinishedAssets(run.run_id)).toEqual([]);
      await on.ledger.endRun(run.run_id, 'canceled', null);
      const removed = { at: expect.any(String) as string, reason: 'run_not_finished' };
      expect((await on.second.removeUnfinishedAssets(run.run_id)).toSorted((a, b) => a.version - b.version)).toEqual([
        { ...described, removed },
        { ...registered, removed },
      ]);
      expect(await on.second.removeUnfinishedAssets(run.run_id)).toEqual([]);
      expect(await on.second.listAssets({ dataset_id: run.dataset_id })).toEqual([]);
    });
  });

  test('datasets without a complete version are not in the catalog', async () => {
    const { run, claim } = await exporting(newDatasetId());
    const listed = async () =>
      (await on.second.listDatasets({ withCompleteAsset: true })).map(({ dataset_id }) => dataset_id);
    const asset = await on.ledger.registerAsset(claim, sampleDraft(run));
    expect(await listed()).not.toContain(run.dataset_id);
    await on.ledger.describeAsset(claim, asset._id, { iso: null, item_key: 'k' });
    await on.ledger.insertLineage(claim, [sampleEdge(run, asset._id)]);
    expect(await listed()).not.toContain(run.dataset_id);
    await on.ledger.finishStep(claim, null, 'success');
    expect(await listed()).toContain(run.dataset_id);
  });
}
