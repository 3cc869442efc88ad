import { writeCollection, writeItem } from '#shared/catalog/write-catalog.ts';
import { assetKeyPrefix, describedAssetKey, isoKey, itemKey } from '#shared/contracts/object-keys.ts';
import type { AssetDocument, DatasetDocument, RunDocument } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';
import { activityOf, SLUICE_OPERATOR } from '#shared/ledger/activity.ts';
import { datasetsOfRun } from './run-datasets.ts';

// Removal has two parts: the ledger marks assets as removed (retention rule, ended run), then the objects are deleted
// here.

type Services = Pick<Context, 'ledger' | 'objects' | 'env' | 'log'>;

/**
 * Sets the retention rule of a dataset and writes the activity; null keeps all versions. Removes nothing by itself. A
 * repeat, or a decision that is older than the stored one, changes nothing. Throws DATASET_NOT_FOUND, REQUEST_INVALID.
 */
export async function setRetention(
  datasetId: string,
  rule: {
    keep_versions: number | null;
    decided_at: string;
    operator: string;
    run?: Pick<RunDocument, 'run_id' | 'batch_id'>;
  },
  { ledger }: Pick<Context, 'ledger'>,
): Promise<DatasetDocument> {
  const { keep_versions, decided_at, operator, run } = rule;
  const dataset = await ledger.setRetention(datasetId, { keep_versions, decided_at });
  await ledger.appendActivity(
    activityOf(
      {
        activity: 'retention_set',
        operator,
        run_id: run?.run_id ?? null,
        batch_id: run?.batch_id ?? null,
        message: `${operator} set the retention rule of ${datasetId}: keep ${keptVersions(keep_versions)}.`,
        details: { dataset_id: datasetId, keep_versions },
      },
      datasetId,
      decided_at,
      String(keep_versions),
    ),
  );
  return dataset;
}

function keptVersions(count: number | null): string {
  if (count === null) return 'all versions';
  return count === 1 ? 'only the newest version' : `the ${count} newest versions`;
}

/**
 * Sets the retention rule that the manifest of a run requests. Its time is that of the manifest, even in a rerun, so
 * that it does not replace a later decision of an operator.
 */
export async function setRetentionOfManifest(
  datasetId: string,
  run: RunDocument,
  services: Pick<Context, 'ledger'>,
): Promise<void> {
  const { keep_versions } = run.manifest.metadata;
  if (keep_versions === undefined) return;
  const manifest = await services.ledger.getManifest(run.manifest_id);
  await setRetention(
    datasetId,
    { keep_versions, decided_at: manifest?.created_at ?? run.created_at, operator: run.manifest.uploader, run },
    services,
  );
}

/**
 * Deletes the objects and catalog documents of removed assets, of one dataset or of all. The order keeps every link
 * valid: the version leaves the collection, then its item is deleted, then its data. After a crash, the ledger still
 * lists the removal, and the next call completes it: by the archive step of the next run of the dataset, or by
 * monitor-runs.
 */
export async function deleteRemovedAssets(services: Services, datasetId?: string): Promise<void> {
  for (;;) {
    const removed = await services.ledger.listRemovals(datasetId === undefined ? {} : { dataset_id: datasetId });
    if (removed.length === 0) return;
    // Incomplete assets were never in a collection.
    const datasets = new Set(removed.filter(({ stac_key }) => stac_key !== null).map(({ dataset_id }) => dataset_id));
    for (const dataset of datasets) await writeCollection(dataset, services);
    for (const asset of removed) await deleteRemovedAsset(asset, services);
  }
}

async function deleteRemovedAsset(asset: AssetDocument, services: Services): Promise<void> {
  const { ledger, log } = services;
  await rewriteDerivedItems(asset, services);
  await deleteAssetObjects(asset, services);
  await ledger.appendActivity(removalActivity(asset));
  await ledger.markPurged(asset._id);
  log.info(
    { asset_id: asset._id, dataset_id: asset.dataset_id, version: asset.version, reason: asset.removed?.reason },
    'Asset:Delete:Done',
  );
}

/**
 * Writes the items of assets that were derived from a removed asset, without the link to its item. Their lineage in the
 * ledger stays.
 */
async function rewriteDerivedItems(asset: AssetDocument, services: Services): Promise<void> {
  for (const { asset_id, run_id } of await services.ledger.listDerived(asset._id)) {
    const [derived, run] = await Promise.all([services.ledger.getAsset(asset_id), services.ledger.getRun(run_id)]);
    // An incomplete asset has no item yet. When the item is written, it will not link to the removed asset.
    if (derived?.iso && run?._id === derived.run_id) await writeItem(derived, derived.iso, run, services);
  }
}

/**
 * Deletes item, ISO record and data of a removed asset. A repeat is harmless, because the keys are never used again.
 */
export async function deleteAssetObjects(
  asset: Pick<AssetDocument, 'dataset_id' | 'version' | 's3_key'>,
  { objects, env }: Pick<Context, 'objects' | 'env'>,
): Promise<void> {
  for (const key of [itemKey(asset.dataset_id, asset.version), isoKey(asset.s3_key), asset.s3_key])
    await objects.delete(env.LAKE_BUCKET, key);
}

const REASON_TEXT = {
  retention: 'the retention rule of the dataset does not keep it',
  run_not_finished: 'its run ended before the asset was complete',
} as const;

function removalActivity({ _id, dataset_id, version, s3_key, content_hash, removed }: AssetDocument) {
  const reason = removed?.reason ?? 'retention';
  return activityOf(
    {
      activity: 'asset_removed',
      operator: SLUICE_OPERATOR,
      message: `Version ${version} of ${dataset_id} was removed: ${REASON_TEXT[reason]}.`,
      details: { asset_id: _id, dataset_id, version, s3_key, content_hash, reason },
    },
    _id,
  );
}

/**
 * Deletes objects that an ended run uploaded to the lake but did not register, for example because the worker crashed
 * in between.
 */
export async function deleteUnregisteredObjects(
  run: Pick<RunDocument, 'run_id' | 'lane' | 'dataset_id' | 'manifest' | 'asset_ids'>,
  { objects, ledger, env, log }: Services,
): Promise<void> {
  const { run_id } = run;
  const registered = new Set((await ledger.getAssets(run.asset_ids)).map(({ s3_key }) => s3_key));
  for (const dataset_id of datasetsOfRun(run)) {
    for await (const { key } of objects.list(env.LAKE_BUCKET, assetKeyPrefix({ dataset_id, run_id }))) {
      if (registered.has(describedAssetKey(key))) continue;
      await objects.delete(env.LAKE_BUCKET, key);
      log.warn({ run_id, s3_key: key, reason: 'no asset registers the object' }, 'Object:Delete:Done');
    }
  }
}
