import { collectionKey, isoKey, isOpenLineageKey, ROOT_KEY } from '#shared/contracts/object-keys.ts';
import type { AssetDocument } from '#shared/ledger/documents.ts';

/** An asset as far as it says what stands in the lake. */
export type RegisteredAsset = Pick<
  AssetDocument,
  '_id' | 'dataset_id' | 'version' | 's3_key' | 'size_bytes' | 'content_hash' | 'stac_key'
>;

/** One thing in which ledger and lake disagree. */
export type Finding =
  /** Nothing in the ledger names the object, so it does not exist for anybody. */
  | { kind: 'object_unregistered'; key: string; size_bytes: number }
  /** The ledger promises an object that is gone. */
  | { kind: 'object_missing'; key: string; asset_id: string; dataset_id: string; version: number }
  /** The object is not the one that was registered: `field` is `size_bytes`, `content_hash`, or a name of its metadata. */
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
  /** The root catalog, or the collection of a dataset that has a version, is gone. */
  | { kind: 'catalog_missing'; key: string }
  /** A document of the catalog does not say what the ledger says. */
  | { kind: 'catalog_changed'; key: string }
  /** The data is there, but its STAC item or ISO record is not. */
  | { kind: 'record_missing'; key: string; asset_id: string; dataset_id: string; version: number };

/** What the ledger says. */
export interface LedgerSide {
  assets: readonly RegisteredAsset[];
  datasetIds: readonly string[];
}

/** What the keys and sizes of the lake tell against the ledger. Pure; the findings come in the order of their keys. */
export function compareLake(ledger: LedgerSide, objects: ReadonlyMap<string, number>): Finding[] {
  const findings = [
    ...ledger.assets.flatMap((asset) => findingsOf(asset, objects)),
    ...catalogMissing(ledger, objects),
    ...unregistered(ledger, objects),
  ];
  return findings.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

/** The asset's own fields that a finding names. */
export function named({ _id, dataset_id, version }: RegisteredAsset): {
  asset_id: string;
  dataset_id: string;
  version: number;
} {
  return { asset_id: _id, dataset_id, version };
}

function findingsOf(asset: RegisteredAsset, objects: ReadonlyMap<string, number>): Finding[] {
  const key = asset.s3_key;
  const size = objects.get(key);
  if (size === undefined) return [{ kind: 'object_missing', key, ...named(asset) }];
  const changed: Finding[] =
    size === asset.size_bytes
      ? []
      : [
          {
            kind: 'object_changed',
            key,
            ...named(asset),
            field: 'size_bytes',
            expected: asset.size_bytes,
            found: size,
          },
        ];
  return [
    ...changed,
    ...recordsOf(asset)
      .filter((record) => !objects.has(record))
      .map((record): Finding => ({ kind: 'record_missing', key: record, ...named(asset) })),
  ];
}

/** Keys of the catalog records of an asset; none while its run has not described it. */
function recordsOf({ s3_key, stac_key }: RegisteredAsset): string[] {
  return stac_key === null ? [] : [stac_key, isoKey(s3_key)];
}

/** The datasets that have a version with its records: those in the catalog. */
export function publishedDatasets(assets: readonly RegisteredAsset[]): string[] {
  return [...new Set(assets.filter(({ stac_key }) => stac_key !== null).map(({ dataset_id }) => dataset_id))];
}

function catalogMissing({ assets }: LedgerSide, objects: ReadonlyMap<string, number>): Finding[] {
  const published = publishedDatasets(assets);
  const keys = published.length === 0 ? [] : [ROOT_KEY, ...published.map(collectionKey)];
  return keys.filter((key) => !objects.has(key)).map((key) => ({ kind: 'catalog_missing', key }));
}

function unregistered({ assets, datasetIds }: LedgerSide, objects: ReadonlyMap<string, number>): Finding[] {
  const known = new Set([
    ROOT_KEY,
    ...datasetIds.map(collectionKey),
    ...assets.flatMap((asset) => [asset.s3_key, ...recordsOf(asset)]),
  ]);
  return [...objects]
    .filter(([key]) => !known.has(key) && !isOpenLineageKey(key))
    .map(([key, size_bytes]) => ({ kind: 'object_unregistered', key, size_bytes }));
}
