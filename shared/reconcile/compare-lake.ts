import { isDeepStrictEqual } from 'node:util';
import { collectionDocument, itemDocument, rootDocument } from '#shared/catalog/write-catalog.ts';
import { collectionKey, isoKey, isOpenLineageKey, ROOT_KEY, runIdOfAssetKey } from '#shared/contracts/object-keys.ts';
import type { AssetDocument } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';
import { hashStream } from '#shared/storage/transfer.ts';

/** The fields of an asset that describe its objects in the lake. */
export type RegisteredAsset = Pick<
  AssetDocument,
  '_id' | 'dataset_id' | 'version' | 's3_key' | 'size_bytes' | 'content_hash' | 'stac_key'
>;

/** One difference between ledger, lake and catalog. */
export type Discrepancy =
  /** The ledger has no entry for the object. */
  | { kind: 'object_unregistered'; key: string; size_bytes: number }
  /** The object of an asset does not exist. */
  | { kind: 'object_missing'; key: string; asset_id: string; dataset_id: string; version: number }
  /** The object is not the registered one. `field` is `size_bytes`, `content_hash`, or `metadata.NAME`. */
  | {
      kind: 'object_changed';
      key: string;
      asset_id: string;
      dataset_id: string;
      version: number;
      field: string;
      expected: string | number;
      found: string | number | null;
    }
  /** The root catalog, or the collection of a dataset with a complete version, does not exist. */
  | { kind: 'catalog_missing'; key: string }
  /** A catalog document differs from the one that the ledger implies. */
  | { kind: 'catalog_changed'; key: string }
  /** The STAC item or the ISO record of an existing asset does not exist. */
  | { kind: 'record_missing'; key: string; asset_id: string; dataset_id: string; version: number };

/** The assets and the datasets that the ledger contains. */
export interface LedgerContents {
  assets: readonly RegisteredAsset[];
  datasetIds: readonly string[];
}

/** Compares the ledger with the keys and sizes of the objects in the lake. Pure. The result is sorted by key. */
export function compareLake(ledger: LedgerContents, objects: ReadonlyMap<string, number>): Discrepancy[] {
  const discrepancies = [
    ...ledger.assets.flatMap((asset) => compareAsset(asset, objects)),
    ...findMissingCatalogs(ledger, objects),
    ...findUnregistered(ledger, objects),
  ];
  return discrepancies.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

/** The fields of a discrepancy that identify the asset. */
export function assetFields({ _id, dataset_id, version }: RegisteredAsset): {
  asset_id: string;
  dataset_id: string;
  version: number;
} {
  return { asset_id: _id, dataset_id, version };
}

function compareAsset(asset: RegisteredAsset, objects: ReadonlyMap<string, number>): Discrepancy[] {
  const key = asset.s3_key;
  const fields = assetFields(asset);
  const size = objects.get(key);
  if (size === undefined) return [{ kind: 'object_missing', key, ...fields }];
  const changed: Discrepancy[] =
    size === asset.size_bytes
      ? []
      : [{ kind: 'object_changed', key, ...fields, field: 'size_bytes', expected: asset.size_bytes, found: size }];
  const missing = recordKeys(asset)
    .filter((record) => !objects.has(record))
    .map((record): Discrepancy => ({ kind: 'record_missing', key: record, ...fields }));
  return [...changed, ...missing];
}

/** Keys of the item and the ISO record of an asset; none for an incomplete asset. */
function recordKeys({ s3_key, stac_key }: RegisteredAsset): string[] {
  return stac_key === null ? [] : [stac_key, isoKey(s3_key)];
}

/** The datasets in the catalog: those with a complete version. */
export function datasetsInCatalog(assets: readonly RegisteredAsset[]): string[] {
  return [...new Set(assets.filter(({ stac_key }) => stac_key !== null).map(({ dataset_id }) => dataset_id))];
}

function findMissingCatalogs({ assets }: LedgerContents, objects: ReadonlyMap<string, number>): Discrepancy[] {
  const datasets = datasetsInCatalog(assets);
  const keys = datasets.length === 0 ? [] : [ROOT_KEY, ...datasets.map(collectionKey)];
  return keys.filter((key) => !objects.has(key)).map((key) => ({ kind: 'catalog_missing', key }));
}

function findUnregistered({ assets, datasetIds }: LedgerContents, objects: ReadonlyMap<string, number>): Discrepancy[] {
  const expected = new Set([
    ROOT_KEY,
    ...datasetIds.map(collectionKey),
    ...assets.flatMap((asset) => [asset.s3_key, ...recordKeys(asset)]),
  ]);
  return [...objects]
    .filter(([key]) => !expected.has(key) && !isOpenLineageKey(key))
    .map(([key, size_bytes]) => ({ kind: 'object_unregistered', key, size_bytes }));
}

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
