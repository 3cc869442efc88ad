import { describe, expect, test } from 'vitest';
import type { AssetDocument } from '#shared/ledger/documents.ts';
import type { OpenedLedger } from './opened-ledger.ts';
import { admitBatch, newDatasetId } from '../fixtures/documents.ts';
import {
  claimed,
  registerCompleteAsset,
  registerDescribedAsset,
  sampleDraft,
  sampleEdge,
  succeedWith,
} from './samples.ts';

export function assetContract(on: OpenedLedger): void {
  const exporting = async (datasetId = newDatasetId()) => {
    const run = await admitBatch(on.ledger, { datasetId });
    return { run, claim: await claimed(on.ledger, run, 'export-geoparquet') };
  };

  describe('assets', () => {
    test('an asset gets the next version of its dataset and is added to the run', async () => {
      const { run, claim } = await exporting();
      const draft = sampleDraft(run);
      const asset = await on.ledger.registerAsset(claim, draft);
      expect(asset).toEqual({ ...draft, version: 1, created_at: expect.any(String) });
      expect(await on.second.getAsset(draft._id)).toEqual(asset);
      expect(await on.second.findAssetByKey(draft.s3_key)).toEqual(asset);
      expect(await on.second.getAssets([draft._id, 'f'.repeat(24), draft._id])).toEqual([asset]);
      expect(await on.second.getDataset(run.dataset_id)).toMatchObject({ latest_version: 1 });
      expect(await on.second.listAssets({ run_id: run.run_id })).toEqual([asset]);
      expect((await on.second.getRun(run.run_id))?.asset_ids).toEqual([asset._id]);
      expect(await on.second.listDatasets()).toContainEqual(
        expect.objectContaining({ dataset_id: run.dataset_id, latest_version: 1 }),
      );
    });

    test('a repeated registration returns the stored asset and adds no version', async () => {
      const { run, claim } = await exporting();
      const asset = await on.ledger.registerAsset(claim, sampleDraft(run));
      expect(await on.second.registerAsset(claim, { ...sampleDraft(run), row_count: 99 })).toEqual(asset);
      expect((await on.ledger.getRun(run.run_id))?.asset_ids).toEqual([asset._id]);
      expect((await on.ledger.registerAsset(claim, sampleDraft(run, 'other'))).version).toBe(2);
    });

    test('concurrent registrations of one asset store it once', async () => {
      const { run, claim } = await exporting();
      const results = await Promise.all(
        Array.from({ length: 16 }, (_, index) =>
          (index % 2 ? on.ledger : on.second).registerAsset(claim, sampleDraft(run)),
        ),
      );
      expect(new Set(results.map((asset) => asset.version))).toEqual(new Set([1]));
      expect(await on.ledger.listAssets({ dataset_id: run.dataset_id })).toHaveLength(1);
      expect((await on.ledger.getRun(run.run_id))?.asset_ids).toHaveLength(1);
    });

    test('twenty runs of one dataset get twenty consecutive versions', async () => {
      const datasetId = newDatasetId();
      const runs = await Promise.all(Array.from({ length: 20 }, () => exporting(datasetId)));
      const assets = await Promise.all(
        runs.map(({ run, claim }, index) => (index % 2 ? on.ledger : on.second).registerAsset(claim, sampleDraft(run))),
      );
      expect(assets.map((asset) => asset.version).sort((a, b) => a - b)).toEqual(
        Array.from({ length: 20 }, (_, index) => index + 1),
      );
      expect((await on.ledger.listDatasets()).find((dataset) => dataset.dataset_id === datasetId)?.latest_version).toBe(
        20,
      );
    });

    test('links an asset of another run once', async () => {
      const first = await exporting();
      const asset = await registerCompleteAsset(on.ledger, first.claim, sampleDraft(first.run));
      const second = await exporting(first.run.dataset_id);
      await on.ledger.linkAsset(second.claim, asset._id);
      await on.second.linkAsset(second.claim, asset._id);
      expect((await on.ledger.getRun(second.run.run_id))?.asset_ids).toEqual([asset._id]);
      expect(await on.ledger.listAssets({ run_id: second.run.run_id })).toEqual([asset]);
      await expect(on.ledger.linkAsset(second.claim, 'f'.repeat(24))).rejects.toMatchObject({
        code: 'ASSET_NOT_FOUND',
      });
    });

    test('the complete versions of a dataset are listed, newest first, without removed and incomplete ones', async () => {
      const { run, claim } = await exporting();
      const bbox: [number, number, number, number] = [-7.5, 49.9, 1.7, 60.8];
      const drafts = [
        { ...sampleDraft(run, 'first'), bbox },
        { ...sampleDraft(run, 'second'), bbox: null },
      ];
      await on.ledger.registerAsset(claim, sampleDraft(run, 'incomplete'));
      const [first, second] = (await succeedWith(on.ledger, claim, drafts)) as [AssetDocument, AssetDocument];
      const versionOf = ({ version, bbox, created_at }: typeof first) => ({ version, bbox, created_at });
      expect(await on.second.listVersions(run.dataset_id)).toEqual([versionOf(second), versionOf(first)]);
      await on.ledger.setRetention(run.dataset_id, { keep_versions: 1, decided_at: first.created_at });
      await on.ledger.removeOldVersions(run.dataset_id);
      expect(await on.second.listVersions(run.dataset_id)).toEqual([versionOf(second)]);
      expect(await on.second.listVersions(newDatasetId())).toEqual([]);
    });

    test('the success of the run completes a described asset; a repeat changes nothing', async () => {
      const { run, claim } = await exporting();
      const asset = await on.ledger.registerAsset(claim, sampleDraft(run));
      const iso = { 'title.de': '$größe', nested: [{ a: null }] };
      const description = { iso, item_key: 'stac/é.json' };
      await on.ledger.describeAsset(claim, asset._id, description);
      await on.second.describeAsset(claim, asset._id, description);
      expect(await on.ledger.getAsset(asset._id)).toEqual({ ...asset, ...description });
      expect(await on.ledger.listVersions(run.dataset_id), 'before the end of the run').toEqual([]);
      await expect(on.ledger.describeAsset(claim, 'f'.repeat(24), description)).rejects.toMatchObject({
        code: 'ASSET_NOT_FOUND',
      });
      await on.ledger.finishStep(claim, null, 'success');
      await on.second.finishStep(claim, null, 'success');
      expect(await on.ledger.getAsset(asset._id)).toEqual({ ...asset, iso, stac_key: 'stac/é.json' });
    });

    test('of a cancellation and the success of a run, one happens: an asset is complete only after the success', async () => {
      const outcomes = new Set<string>();
      for (let round = 0; round < 20; round++) {
        const { run, claim } = await exporting();
        const { _id } = await registerDescribedAsset(on.ledger, claim, sampleDraft(run));
        const cancel = () => on.second.endRun(run.run_id, 'canceled', null);
        const finish = () => on.ledger.finishStep(claim, null, 'success');
        await Promise.allSettled(round % 2 ? [cancel(), finish()] : [finish(), cancel()]);
        const { status } = (await on.ledger.getRun(run.run_id)) ?? expect.unreachable();
        outcomes.add(status);
        const isComplete = (await on.ledger.getAsset(_id))?.stac_key != null;
        expect([status, isComplete]).toEqual(status === 'success' ? ['success', true] : ['canceled', false]);
        if (status === 'canceled')
          expect((await on.ledger.removeUnfinishedAssets(run.run_id)).map((asset) => asset._id)).toEqual([_id]);
      }
      expect([...outcomes]).not.toContain('running');
    });

    test('finds the newest asset of the same source in the same dataset', async () => {
      const { run, claim } = await exporting();
      const drafts = [sampleDraft(run, 'older'), sampleDraft(run, 'newer')];
      const newer = (await succeedWith(on.ledger, claim, drafts))[1] ?? expect.unreachable();
      expect(await on.ledger.findAssetBySource(run.dataset_id, newer.source_hash)).toEqual(newer);
      expect(await on.ledger.findAssetBySource('another', newer.source_hash)).toBeUndefined();
    });

    test('an incomplete asset is neither found by its source nor linked, because its run can still be canceled', async () => {
      const first = await exporting();
      const asset = await on.ledger.registerAsset(first.claim, sampleDraft(first.run));
      const second = await exporting(first.run.dataset_id);
      expect(await on.ledger.findAssetBySource(asset.dataset_id, asset.source_hash)).toBeUndefined();
      await expect(on.ledger.linkAsset(second.claim, asset._id)).rejects.toMatchObject({ code: 'ASSET_NOT_FOUND' });
    });

    test.each(['', 'straßen', 'F'.repeat(24)])('the text "%s" is not an id and finds nothing', async (id) => {
      expect(await on.ledger.getAsset(id)).toBeUndefined();
      expect(await on.ledger.getRemovedAsset(id)).toBeUndefined();
      expect(await on.ledger.getManifest(id)).toBeUndefined();
      expect(await on.ledger.getAssets([id])).toEqual([]);
      expect(await on.ledger.listLineage(id)).toEqual([]);
      expect(await on.ledger.listDerived(id)).toEqual([]);
    });

    test('rejects an invalid document and adds no version', async () => {
      const { run, claim } = await exporting();
      await expect(on.ledger.registerAsset(claim, { ...sampleDraft(run), size_bytes: 0.5 })).rejects.toMatchObject({
        code: 'REQUEST_INVALID',
        message: expect.stringContaining('size_bytes'),
      });
      expect((await on.ledger.registerAsset(claim, sampleDraft(run))).version).toBe(1);
    });

    test('rejects the key of another asset with the error of the index, and adds no version', async () => {
      const { run, claim } = await exporting();
      const { s3_key } = await on.ledger.registerAsset(claim, sampleDraft(run));
      await expect(on.ledger.registerAsset(claim, { ...sampleDraft(run, 'other'), s3_key })).rejects.toMatchObject({
        code: 'INTERNAL',
        message: expect.stringContaining('s3_key'),
      });
      expect((await on.ledger.registerAsset(claim, sampleDraft(run, 'third'))).version).toBe(2);
    });
  });

  describe('lineage', () => {
    test('repeated edges are stored once', async () => {
      const { run, claim } = await exporting();
      const asset = await on.ledger.registerAsset(claim, sampleDraft(run));
      const edges = [sampleEdge(run, asset._id), sampleEdge(run, asset._id, 's3://landing-zone/zweite Straße.gpkg')];
      await on.ledger.insertLineage(claim, edges.slice(0, 1));
      await on.second.insertLineage(claim, edges);
      const stored = await on.ledger.listLineage(asset._id);
      expect(stored).toHaveLength(2);
      expect(stored).toEqual(expect.arrayContaining(edges));
      await on.ledger.insertLineage(claim, []);
    });

    test('lists the assets that were made from an asset', async () => {
      const { run, claim } = await exporting();
      const asset = await on.ledger.registerAsset(claim, sampleDraft(run));
      const parent = 'feedfacefeedfacefeedface';
      const edge = { ...sampleEdge(run, asset._id), source: { kind: 'asset' as const, asset_id: parent } };
      await on.ledger.insertLineage(claim, [edge, sampleEdge(run, asset._id, 's3://landing-zone/b.gpkg')]);
      expect(await on.second.listDerived(parent)).toEqual([edge]);
      expect(await on.ledger.listDerived(asset._id)).toEqual([]);
    });
  });
}
