import { collectionKey, isoKey, isOpenLineageKey, ROOT_KEY } from '#shared/contracts/object-keys.ts';
import type { AssetDocument } from '#shared/ledger/documents.ts';

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

/** What the ledger contains. */
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
