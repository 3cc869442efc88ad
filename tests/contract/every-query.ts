import { deterministicObjectId } from '#shared/events/event.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { activityOf } from '#shared/ledger/activity.ts';
import { admitBatch, newBatch } from '../fixtures/documents.ts';
import { claimed, sampleDraft, sampleEdge, succeedWith } from './samples.ts';

/** Calls each operation of the port at least once. Its documents are added to those of the ledger. */
export async function callEveryQuery(ledger: Ledger): Promise<void> {
  const batch = newBatch();
  const run = await admitBatch(ledger);
  const { batch_id, dataset_id, run_id } = run;
  const claim = await claimed(ledger, run, 'export-geoparquet');
  await ledger.renewClaim(claim, 60);
  await ledger.releaseStep(claim, { code: 'INTERNAL', message: '', details: {} });
  const again = await claimed(ledger, run, 'record-lineage').catch(() => claim);
  const exporting = await admitBatch(ledger, { datasetId: dataset_id });
  const exportClaim = await claimed(ledger, exporting, 'export-geoparquet');
  const [asset] = await succeedWith(ledger, exportClaim, [sampleDraft(exporting)]);
  const assetId = asset?._id ?? '';
  await ledger.linkAsset(again, assetId).catch(() => undefined);
  await ledger.insertLineage(again, [sampleEdge(run, assetId)]).catch(() => undefined);
  await ledger.restartRun(again, { code: 'INTERNAL', message: '', details: {} }).catch(() => undefined);
  await ledger.recordManifest({ ...batch.manifest, batch_id: null, run_id: null, status: 'failure' });
  await ledger.endManifest(run.manifest_id, 'failure', null);
  await ledger.markManifestArchived(run.manifest_id, 'archive/x.json');
  await ledger.getManifest(run.manifest_id);
  await ledger.findManifestsByKey(run.tags.manifest_key);
  await ledger.findManifestByBatch('unknown');
  await ledger.insertRerun({ ...run, _id: deterministicObjectId('rerun', run_id) });
  await ledger.endRun(run_id, 'canceled', null, { step: 'archive', orClaimed: true });
  for (const filter of [
    {},
    { status: 'running' },
    { batch_id },
    { dataset_id },
    { archived: false },
    { archived: true },
    { since: new Date().toISOString(), until: new Date().toISOString() },
  ])
    await ledger.listRuns(filter as Parameters<Ledger['listRuns']>[0]);
  await ledger.countRunningRuns();
  await ledger.summarizeRuns(new Date().toISOString());
  await ledger.getAsset(assetId);
  await ledger.getAssets([assetId]);
  await ledger.findAssetBySource(dataset_id, 'x');
  await ledger.findAssetByKey('x');
  for (const filter of [{}, { dataset_id }, { run_id }]) await ledger.listAssets(filter);
  await ledger.listVersions(dataset_id);
  await ledger.setRetention(dataset_id, { keep_versions: 1, decided_at: new Date().toISOString() });
  await ledger.removeOldVersions(dataset_id);
  await ledger.removeUnfinishedAssets(run_id);
  await ledger.getRemovedAsset(assetId);
  for (const filter of [{}, { dataset_id }]) await ledger.listRemovals(filter);
  await ledger.markPurged(assetId);
  await ledger.listLineage(assetId);
  await ledger.listDerived(assetId);
  await ledger.appendActivity(activityOf({ activity: 'run_started', operator: 'x', message: 'x' }));
  for (const filter of [{}, { run_id }, { batch_id }]) await ledger.listActivity(filter);
  for (const withCompleteAsset of [true, false]) await ledger.listDatasets({ withCompleteAsset });
  await ledger.getDataset(dataset_id);
}
