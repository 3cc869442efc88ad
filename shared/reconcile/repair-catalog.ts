import { publishCollection, publishItem, publishRoot } from '#shared/catalog/publish-catalog.ts';
import { ROOT_KEY, runIdOfAssetKey } from '#shared/contracts/object-keys.ts';
import type { Context } from '#shared/runtime/context.ts';
import { reconcile } from './reconcile.ts';

type Parts = Pick<Context, 'ledger' | 'objects' | 'env' | 'log'>;

/** Writes the documents of the catalog again that are gone from the lake: all of them follow from the ledger. Returns how many were. */
export async function mendCatalog(parts: Parts, signal: AbortSignal): Promise<number> {
  const { findings } = await reconcile(parts, { deep: false, signal });
  let mended = 0;
  for (const finding of findings) {
    signal.throwIfAborted();
    if (finding.kind === 'catalog_missing')
      await (finding.key === ROOT_KEY ? publishRoot(parts) : publishCollection(datasetOf(finding.key), parts));
    else if (finding.kind !== 'record_missing' || !(await publishRecords(finding.asset_id, parts))) continue;
    parts.log.warn({ key: finding.key }, 'Catalog:Document:WrittenAgain');
    mended += 1;
  }
  return mended;
}

function datasetOf(collectionKey: string): string {
  return collectionKey.split('/')[0] ?? '';
}

async function publishRecords(assetId: string, parts: Parts): Promise<boolean> {
  const asset = await parts.ledger.getAsset(assetId);
  const run = asset && (await parts.ledger.getRun(runIdOfAssetKey(asset.s3_key)));
  if (!asset?.iso || run === undefined) return false;
  await publishItem(asset, asset.iso, run, parts);
  return true;
}
