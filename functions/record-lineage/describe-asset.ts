import { isoRecord } from '#shared/catalog/iso.ts';
import { publishItem, publishVersion } from '#shared/catalog/publish-catalog.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { lineageEdges } from '#shared/assets/lineage-edges.ts';
import { deleteObjects } from '#shared/assets/purge.ts';
import { setRetentionOfManifest } from '#shared/assets/retention.ts';
import type { AssetDocument } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { Claim } from '#shared/runtime/with-claim.ts';

/**
 * Makes an asset of the run whole: its lineage, its ISO record and STAC item, a place in the catalog; then its dataset drops the
 * versions that its retention rule does not keep. All of it can be repeated. An asset that was linked, not made, is whole already, and one
 * that a retention rule has removed meanwhile needs nothing.
 */
export async function describeAsset(assetId: string, claim: Claim, context: Context): Promise<AssetDocument> {
  const { ledger } = context;
  claim.signal.throwIfAborted();
  const asset = await findAsset(assetId, claim, context);
  if (asset.removed !== undefined || asset.run_id !== claim.run._id) return asset;
  await ledger.insertLineage(claim, lineageEdges(asset, claim.run));
  await publishRecords(asset, claim, context);
  await setRetentionOfManifest(asset.dataset_id, claim.run, context);
  await ledger.removeOldVersions(asset.dataset_id);
  await publishVersion(asset, context);
  return asset;
}

async function findAsset(assetId: string, claim: Claim, { ledger }: Context): Promise<AssetDocument> {
  const asset = (await ledger.getAsset(assetId)) ?? (await ledger.getRemovedAsset(assetId));
  if (asset !== undefined) return asset;
  throw new SluiceError('ASSET_NOT_FOUND', `Asset ${assetId} of run ${claim.runId} is not registered.`, {
    details: { asset_id: assetId },
  });
}

/** Objects first, then the ledger. A worker that was stopped in between may find the asset removed when it wakes up: it takes its objects with it. */
async function publishRecords(asset: AssetDocument, claim: Claim, context: Context): Promise<void> {
  const iso = isoRecord(asset, claim.run, context.env.LAKE_BUCKET);
  const stac_key = await publishItem(asset, iso, claim.run, context);
  try {
    await context.ledger.describeAsset(claim, asset._id, { iso: { ...iso }, stac_key });
  } catch (thrown) {
    if ((await context.ledger.getRemovedAsset(asset._id)) !== undefined) await deleteObjects(asset, context);
    throw thrown;
  }
}
