import { deleteAssetObjects, setRetentionOfManifest } from '#shared/assets/remove-assets.ts';
import { lineageEdges } from '#shared/assets/store-asset.ts';
import { isoRecord } from '#shared/catalog/iso.ts';
import { addVersionToCatalog, writeItem } from '#shared/catalog/write-catalog.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { AssetDocument } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { Claim } from '#shared/runtime/with-claim.ts';

/**
 * Completes an asset of the run: lineage, ISO record, STAC item. Then applies the retention rule of its dataset and
 * adds the version to the catalog. Every write can be repeated. A reused asset is already complete, and an asset that
 * was removed meanwhile is skipped.
 */
export async function completeAsset(assetId: string, claim: Claim, context: Context): Promise<AssetDocument> {
  const { ledger } = context;
  claim.signal.throwIfAborted();
  const asset = await getAssetOfRun(assetId, claim, context);
  if (asset.removed !== undefined || asset.run_id !== claim.run._id) return asset;
  await ledger.insertLineage(claim, lineageEdges(asset, claim.run));
  await writeRecords(asset, claim, context);
  await setRetentionOfManifest(asset.dataset_id, claim.run, context);
  await ledger.removeOldVersions(asset.dataset_id);
  await addVersionToCatalog(asset, context);
  return asset;
}

async function getAssetOfRun(assetId: string, claim: Claim, { ledger }: Context): Promise<AssetDocument> {
  const asset = (await ledger.getAsset(assetId)) ?? (await ledger.getRemovedAsset(assetId));
  if (asset !== undefined) return asset;
  throw new SluiceError('ASSET_NOT_FOUND', `Asset ${assetId} of run ${claim.runId} is not registered.`, {
    details: { asset_id: assetId },
  });
}

/**
 * Writes item and ISO record, then marks the asset as complete in the ledger. If the asset was removed while this
 * worker was stopped, the written objects are deleted again.
 */
async function writeRecords(asset: AssetDocument, claim: Claim, context: Context): Promise<void> {
  const iso = isoRecord(asset, claim.run, context.env.LAKE_BUCKET);
  const stac_key = await writeItem(asset, iso, claim.run, context);
  try {
    await context.ledger.completeAsset(claim, asset._id, { iso: { ...iso }, stac_key });
  } catch (thrown) {
    if ((await context.ledger.getRemovedAsset(asset._id)) !== undefined) await deleteAssetObjects(asset, context);
    throw thrown;
  }
}
