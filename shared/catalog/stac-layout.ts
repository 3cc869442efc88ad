/** Where the catalogue stands in the lake, and how its files name each other: relative, so that the bucket can be moved or mirrored. */

/** A dataset's folder holds its collection, its items, and a folder for each run with the assets. */
export const ROOT_KEY = 'catalog.json';
const ISO_SUFFIX = '.iso.json';

export function collectionKey(datasetId: string): string {
  return `${datasetId}/collection.json`;
}

export function itemKey(datasetId: string, version: number): string {
  return `${datasetId}/v${version}.json`;
}

/** The ISO record, next to the asset. */
export function isoKey(assetKey: string): string {
  return `${assetKey}${ISO_SUFFIX}`;
}

/** The object that a key stands beside: an ISO record's asset; any other key is its own. */
export function assetKeyOf(key: string): string {
  return key.endsWith(ISO_SUFFIX) ? key.slice(0, -ISO_SUFFIX.length) : key;
}

/** True for the catalogue's own documents, which no asset registers. */
export function isCatalogKey(key: string): boolean {
  return key === ROOT_KEY || /^[^/]+\/(collection|v\d+)\.json$/.test(key);
}

/** A relative URL from one object to another of the same bucket, percent-encoded. */
export function relativeHref(fromKey: string, toKey: string): string {
  const from = fromKey.split('/').slice(0, -1);
  const to = toKey.split('/');
  let shared = 0;
  while (shared < from.length && shared < to.length - 1 && from[shared] === to[shared]) shared += 1;
  const path = [...from.slice(shared).map(() => '..'), ...to.slice(shared).map(encodeURIComponent)].join('/');
  return path.startsWith('..') ? path : `./${path}`;
}
