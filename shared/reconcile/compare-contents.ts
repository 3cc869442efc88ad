import { isDeepStrictEqual } from 'node:util';
import { collectionDocument, itemDocument, rootDocument } from '#shared/catalog/write-catalog.ts';
import { collectionKey, isoKey, ROOT_KEY, runIdOfAssetKey } from '#shared/contracts/object-keys.ts';
import type { AssetDocument } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';
import { hashStream } from '#shared/storage/transfer.ts';
import { assetFields, datasetsInCatalog, type Discrepancy } from './compare-lake.ts';

type Services = Pick<Context, 'ledger' | 'objects' | 'env'>;

/**
 * Largest catalog document that is read. A document has a few kilobytes; the collection of 100,000 versions has 20 MB.
 */
const MAX_DOCUMENT_BYTES = 64 * 2 ** 20;

/**
 * Reads the object of an asset and compares its hash and metadata with the ledger. A missing object is another
 * discrepancy.
 */
export async function compareObject(
  asset: AssetDocument,
  { objects, env }: Pick<Services, 'objects' | 'env'>,
  signal: AbortSignal,
): Promise<Discrepancy[]> {
  signal.throwIfAborted();
  const key = asset.s3_key;
  const head = await objects.head(env.LAKE_BUCKET, key);
  if (head === undefined) return [];
  const { sha256 } = await hashStream(await objects.read(env.LAKE_BUCKET, key, { signal }), signal);
  const { metadata } = head;
  const fields: [field: string, expected: string, found: string | undefined][] = [
    ['content_hash', asset.content_hash, sha256],
    ['metadata.mongodb_doc_id', asset._id, metadata.mongodb_doc_id],
    ['metadata.run_id', asset.run_id, metadata.run_id],
    ['metadata.content_hash', asset.content_hash, metadata.content_hash],
  ];
  return fields
    .filter(([, expected, found]) => expected !== found)
    .map(([field, expected, found]) => ({
      kind: 'object_changed',
      key,
      ...assetFields(asset),
      field,
      expected,
      found: found ?? null,
    }));
}

/** Compares each catalog document with the one that the ledger implies. A missing document is another discrepancy. */
export async function compareCatalog(
  assets: readonly AssetDocument[],
  services: Services,
  signal: AbortSignal,
): Promise<Discrepancy[]> {
  const discrepancies: Discrepancy[] = [];
  for await (const document of expectedDocuments(assets, services)) {
    signal.throwIfAborted();
    // The second comparison excludes documents that a run changed during the first one.
    if ((await differs(document, services)) && (await differs(document, services)))
      discrepancies.push({ kind: 'catalog_changed', key: document.key });
  }
  return discrepancies;
}

interface ExpectedDocument {
  key: string;
  derive: () => Promise<unknown>;
}

async function* expectedDocuments(
  assets: readonly AssetDocument[],
  { ledger }: Services,
): AsyncIterable<ExpectedDocument> {
  const datasets = datasetsInCatalog(assets);
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

async function differs({ key, derive }: ExpectedDocument, { objects, env }: Services): Promise<boolean> {
  if ((await objects.head(env.LAKE_BUCKET, key)) === undefined) return false;
  const stored = (await objects.readBytes(env.LAKE_BUCKET, key, { maxBytes: MAX_DOCUMENT_BYTES })).toString();
  try {
    return !isDeepStrictEqual(JSON.parse(stored), JSON.parse(JSON.stringify(await derive())));
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return true;
    throw thrown;
  }
}
