import { assetKeyPrefix } from '#shared/contracts/object-keys.ts';
import type { AssetDocument, AssetDraft } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { ObjectHead } from '#shared/storage/object-store.ts';
import { lineageEdges } from './lineage-edges.ts';
import type { Claim } from '#shared/runtime/with-claim.ts';

/** Objects of the lake and the assets that they are: one is uploaded, then registered; what is not registered does not exist. */

export const PARQUET_TYPE = 'application/vnd.apache.parquet';

/** Deletes what earlier tries of this step uploaded for a dataset (the run's own by default) and did not register. */
export async function deleteEarlierObjects(
  claim: Claim,
  { objects, ledger, env }: Context,
  datasetId = claim.run.dataset_id,
): Promise<void> {
  if (claim.attempt <= 1) return;
  for await (const { key } of objects.list(
    env.LAKE_BUCKET,
    assetKeyPrefix({ dataset_id: datasetId, run_id: claim.runId }),
  )) {
    if ((await ledger.findAssetByKey(key)) === undefined) await objects.delete(env.LAKE_BUCKET, key);
  }
}

/**
 * Uploads the file and registers it: first the object, then the asset, which is how it comes to exist. An object that is not
 * registered after all (a stale claim, or a try before this one was registered) is deleted. Throws CLAIM_STALE, UPLOAD_CORRUPT.
 */
export async function publishAsset(
  path: string,
  contentType: string,
  draft: AssetDraft,
  claim: Claim,
  { objects, ledger, env }: Context,
): Promise<AssetDocument> {
  const withdraw = () => objects.delete(env.LAKE_BUCKET, draft.s3_key);
  await objects
    .upload(env.LAKE_BUCKET, draft.s3_key, path, {
      contentType,
      metadata: { mongodb_doc_id: draft._id, run_id: draft.run_id, content_hash: draft.content_hash },
      sha256: draft.content_hash,
      signal: claim.signal,
    })
    .catch(async (thrown: unknown) => {
      // A request that was broken off may have been served; the archive step, whose run has ended, may have swept already.
      await withdraw().catch(() => undefined);
      throw thrown;
    });
  const asset = await ledger.registerAsset(claim, draft).catch(async (thrown: unknown) => {
    if ((thrown as { code?: string }).code === 'CLAIM_STALE') await withdraw();
    throw thrown;
  });
  if (asset.s3_key !== draft.s3_key) await withdraw();
  return asset;
}

/**
 * The asset that need not be made: that of an earlier try of this step (even if it was removed since: its version is used up), or a whole
 * one of the same source, which is linked to the run unless the manifest says `force`. Give `sources` and `parents` of this run: where
 * they have other names than those that the asset was made from, its lineage gets edges from them, too.
 * Undefined when there is none, or its object is gone or is not the one that was registered. Throws CLAIM_STALE.
 */
export async function findExistingAsset(
  claim: Claim,
  wanted: Pick<AssetDraft, '_id' | 'dataset_id' | 'source_hash'> & Partial<Pick<AssetDraft, 'sources' | 'parents'>>,
  { ledger, objects, env }: Context,
): Promise<{ assetId: string; reused: boolean } | undefined> {
  const own =
    claim.attempt > 1 ? ((await ledger.getAsset(wanted._id)) ?? (await ledger.getRemovedAsset(wanted._id))) : undefined;
  if (own !== undefined) return { assetId: own._id, reused: false };
  if (claim.run.manifest.metadata.force === true) return undefined;
  const same = await ledger.findAssetBySource(wanted.dataset_id, wanted.source_hash);
  if (same === undefined || !isRegistered(await objects.head(env.LAKE_BUCKET, same.s3_key), same)) return undefined;
  try {
    await ledger.linkAsset(claim, same._id);
  } catch (thrown) {
    if ((thrown as { code?: string }).code === 'ASSET_NOT_FOUND') return undefined; // A retention rule removed it just now.
    throw thrown;
  }
  const { sources = [], parents = [] } = wanted;
  await ledger.insertLineage(claim, lineageEdges({ ...same, sources, parents }, claim.run));
  return { assetId: same._id, reused: true };
}

/** What can be told without reading the object; somebody may have replaced it behind the ledger. */
function isRegistered(head: ObjectHead | undefined, { size_bytes, content_hash }: AssetDocument): boolean {
  return head !== undefined && head.size === size_bytes && head.metadata.content_hash === content_hash;
}

/** Fields by name, also within objects, so that the order in which they were written does not count. A field that is undefined is left out. */
export function sortedEntries(fields: object): [string, unknown][] {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return given.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => [name, sortedValue(value)]);
}

function sortedValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedValue);
  return typeof value === 'object' && value !== null ? sortedEntries(value) : value;
}
