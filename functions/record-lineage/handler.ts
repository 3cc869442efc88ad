import { deleteAssetObjects } from '#shared/assets/remove-assets.ts';
import { lineageEdges } from '#shared/assets/store-asset.ts';
import { isoRecord } from '#shared/catalog/iso.ts';
import { writeItem } from '#shared/catalog/write-catalog.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { makeEvent, parseRunId } from '#shared/events/event.ts';
import type { AssetDocument } from '#shared/ledger/documents.ts';
import type { Context, Handler } from '#shared/runtime/context.ts';
import { inputOfStep } from '#shared/runtime/step-input.ts';
import { type Claim, withClaim } from '#shared/runtime/with-claim.ts';
import { recordSuccess } from '#shared/run-control/end-run.ts';

/** Writes the lineage and the catalog records of a run's assets, and ends the run with success. See README.md. */
export const handler: Handler = async (event, context) => {
  const run_id = parseRunId(event, 'sluice.asset.exported');
  const target = { runId: run_id, step: 'record-lineage', event, endRunAs: 'success' } as const;
  const reply = await withClaim(context, target, async (claim) => {
    const { asset_ids } = inputOfStep(claim, 'sluice.asset.exported');
    const { lane, dataset_id } = claim.run;
    const written: AssetDocument[] = [];
    for (const assetId of asset_ids) {
      const asset = await recordAsset(assetId, claim, context);
      if (asset !== undefined) written.push(asset);
    }
    return makeEvent('sluice.run.succeeded', run_id, { run_id, lane, dataset_id, ...totalsOf(written) });
  });
  // The run has ended, and its assets are complete. After a crash here, a repeated delivery or archive continues.
  if (reply !== undefined) await recordSuccess(run_id, context);
  return reply;
};

/**
 * Writes what an asset of the run needs to be complete: lineage, ISO record, STAC item. The end of the run completes
 * it. Every write can be repeated. A reused asset is already complete, and an asset that was removed meanwhile is
 * skipped. Returns the asset, unless it is one of these.
 */
export async function recordAsset(assetId: string, claim: Claim, context: Context): Promise<AssetDocument | undefined> {
  claim.signal.throwIfAborted();
  const asset = await getAssetOfRun(assetId, claim, context);
  if (asset.removed !== undefined || asset.run_id !== claim.run._id) return undefined;
  await context.ledger.insertLineage(claim, lineageEdges(asset, claim.run));
  await writeRecords(asset, claim, context);
  return asset;
}

function totalsOf(assets: AssetDocument[]): { row_count: number; size_bytes: number } {
  return {
    row_count: assets.reduce((sum, asset) => sum + (asset.row_count ?? 0), 0),
    size_bytes: assets.reduce((sum, asset) => sum + asset.size_bytes, 0),
  };
}

async function getAssetOfRun(assetId: string, claim: Claim, { ledger }: Context): Promise<AssetDocument> {
  const asset = (await ledger.getAsset(assetId)) ?? (await ledger.getRemovedAsset(assetId));
  if (asset !== undefined) return asset;
  throw new SluiceError('ASSET_NOT_FOUND', `Asset ${assetId} of run ${claim.runId} is not registered.`, {
    details: { asset_id: assetId },
  });
}

/**
 * Writes item and ISO record, then their key in the ledger. If the asset was removed while this worker was stopped,
 * because its run was canceled, the written objects are deleted again.
 */
async function writeRecords(asset: AssetDocument, claim: Claim, context: Context): Promise<void> {
  const iso = isoRecord(asset, claim.run, context.env.LAKE_BUCKET);
  const item_key = await writeItem(asset, iso, claim.run, context);
  try {
    await context.ledger.describeAsset(claim, asset._id, { iso: { ...iso }, item_key });
  } catch (thrown) {
    if ((await context.ledger.getRemovedAsset(asset._id)) !== undefined) await deleteAssetObjects(asset, context);
    throw thrown;
  }
}
