import { isDeepStrictEqual } from 'node:util';
import { collectionDocument, itemDocument, rootDocument } from '#shared/catalog/publish-catalog.ts';
import { collectionKey, isoKey, ROOT_KEY, runIdOfAssetKey } from '#shared/contracts/object-keys.ts';
import type { AssetDocument } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';
import { type Finding, publishedDatasets } from './compare-lake.ts';

type Parts = Pick<Context, 'ledger' | 'objects' | 'env'>;

/** A document of the catalog is a few kilobytes; the collection of 100,000 versions is 20 MB. */
const DOCUMENT_BYTES = 64 * 2 ** 20;

/** Documents of the catalog that do not say what the ledger says. One that is gone is another finding. */
export async function catalogContents(
  assets: readonly AssetDocument[],
  parts: Parts,
  signal: AbortSignal,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for await (const { key, derive } of documentsOf(assets, parts)) {
    signal.throwIfAborted();
    // Twice: a run may have changed it in between.
    if ((await differs(key, derive, parts)) && (await differs(key, derive, parts)))
      findings.push({ kind: 'catalog_changed', key });
  }
  return findings;
}

interface Derived {
  key: string;
  derive: () => Promise<unknown>;
}

async function* documentsOf(assets: readonly AssetDocument[], { ledger }: Parts): AsyncIterable<Derived> {
  const datasets = publishedDatasets(assets);
  if (datasets.length > 0) yield { key: ROOT_KEY, derive: () => rootDocument(ledger) };
  for (const dataset of datasets)
    yield { key: collectionKey(dataset), derive: async () => (await collectionDocument(dataset, ledger)).document };
  for (const asset of assets) {
    const run = asset.stac_key === null ? undefined : await ledger.getRun(runIdOfAssetKey(asset.s3_key));
    if (asset.stac_key === null || run === undefined) continue;
    yield { key: asset.stac_key, derive: () => itemDocument(asset, run, ledger) };
    yield { key: isoKey(asset.s3_key), derive: () => Promise.resolve(asset.iso) };
  }
}

async function differs(key: string, derive: Derived['derive'], { objects, env }: Parts): Promise<boolean> {
  if ((await objects.head(env.LAKE_BUCKET, key)) === undefined) return false;
  const stored = (await objects.readBytes(env.LAKE_BUCKET, key, { maxBytes: DOCUMENT_BYTES })).toString();
  try {
    return !isDeepStrictEqual(JSON.parse(stored), JSON.parse(JSON.stringify(await derive())));
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return true;
    throw thrown;
  }
}
