import type { AssetDocument, AssetDraft } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { Claim } from '#shared/runtime/with-claim.ts';
import { GEOPARQUET_TYPE, objectPrefix } from './plan-asset.ts';

/** Deletes what earlier tries of this step uploaded and did not register. */
export async function deleteEarlierObjects(claim: Claim, { objects, ledger, env }: Context): Promise<void> {
  if (claim.attempt <= 1) return;
  for await (const { key } of objects.list(env.LAKE_BUCKET, objectPrefix(claim.run))) {
    if ((await ledger.findAssetByKey(key)) === undefined) await objects.delete(env.LAKE_BUCKET, key);
  }
}

/**
 * Uploads the file and registers it: first the object, then the asset, which is how it comes to exist. An object that is not
 * registered after all (a stale claim, or a try before this one was registered) is deleted. Throws CLAIM_STALE, UPLOAD_CORRUPT.
 */
export async function publish(path: string, draft: AssetDraft, claim: Claim, { objects, ledger, env }: Context): Promise<AssetDocument> {
  await objects.upload(env.LAKE_BUCKET, draft.s3_key, path, {
    contentType: GEOPARQUET_TYPE,
    metadata: { mongodb_doc_id: draft._id, run_id: draft.run_id, content_hash: draft.content_hash },
    sha256: draft.content_hash,
    signal: claim.signal,
  });
  const asset = await ledger.registerAsset(claim, draft).catch(async (thrown: unknown) => {
    if ((thrown as { code?: string }).code === 'CLAIM_STALE') await objects.delete(env.LAKE_BUCKET, draft.s3_key);
    throw thrown;
  });
  if (asset.s3_key !== draft.s3_key) await objects.delete(env.LAKE_BUCKET, draft.s3_key);
  return asset;
}
