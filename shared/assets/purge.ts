import { publishCollection, publishItem } from '#shared/catalog/publish-catalog.ts';
import { isoKey, itemKey } from '#shared/contracts/object-keys.ts';
import { activityOf, SLUICE_OPERATOR } from '#shared/ledger/activity.ts';
import type { AssetDocument } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';

type Parts = Pick<Context, 'ledger' | 'objects' | 'env' | 'log'>;

/**
 * Deletes from catalog and lake what the ledger has removed from a dataset, or from any when none is given. The collection stops
 * naming a version before its item goes, and the item goes before the data, so that no link points at nothing. After a crash on any line
 * the removal is still listed as not purged, and the next call finishes it: the archive step of the dataset's next run, or monitor-runs.
 */
export async function finishRemovals(parts: Parts, datasetId?: string): Promise<void> {
  for (;;) {
    const removals = await parts.ledger.listRemovals(datasetId === undefined ? {} : { dataset_id: datasetId });
    if (removals.length === 0) return;
    // One that was not whole never stood in a collection.
    const datasets = new Set(removals.filter(({ stac_key }) => stac_key !== null).map(({ dataset_id }) => dataset_id));
    for (const dataset of datasets) await publishCollection(dataset, parts);
    for (const asset of removals) await purge(asset, parts);
  }
}

async function purge(asset: AssetDocument, parts: Parts): Promise<void> {
  const { ledger, log } = parts;
  await unlinkDerived(asset, parts);
  await deleteObjects(asset, parts);
  await ledger.appendActivity(assetRemoved(asset));
  await ledger.markPurged(asset._id);
  log.info(
    { asset_id: asset._id, dataset_id: asset.dataset_id, version: asset.version, reason: asset.removed?.reason },
    'Asset:Remove:Done',
  );
}

/** Writes the items of what was made from the asset again: they link its item no more. Their lineage in the ledger stays. */
async function unlinkDerived(asset: AssetDocument, parts: Parts): Promise<void> {
  for (const { asset_id, run_id } of await parts.ledger.listDerived(asset._id)) {
    const [derived, run] = await Promise.all([parts.ledger.getAsset(asset_id), parts.ledger.getRun(run_id)]);
    // One whose item is still to be written finds this asset removed.
    if (derived?.iso && run?._id === derived.run_id) await publishItem(derived, derived.iso, run, parts);
  }
}

/** Deletes the item, the ISO record and the data of a removed asset. Its keys are never used again, so that a repeat harms nothing. */
export async function deleteObjects(
  asset: Pick<AssetDocument, 'dataset_id' | 'version' | 's3_key'>,
  { objects, env }: Pick<Parts, 'objects' | 'env'>,
): Promise<void> {
  for (const key of [itemKey(asset.dataset_id, asset.version), isoKey(asset.s3_key), asset.s3_key])
    await objects.delete(env.LAKE_BUCKET, key);
}

const BECAUSE = {
  retention: 'the retention rule of the dataset does not keep it',
  run_not_finished: 'its run ended before it was whole',
} as const;

function assetRemoved({ _id, dataset_id, version, s3_key, content_hash, removed }: AssetDocument) {
  const reason = removed?.reason ?? 'retention';
  return activityOf(
    {
      activity: 'asset_removed',
      operator: SLUICE_OPERATOR,
      message: `Version ${version} of ${dataset_id} was removed: ${BECAUSE[reason]}.`,
      details: { asset_id: _id, dataset_id, version, s3_key, content_hash, reason },
    },
    _id,
  );
}
