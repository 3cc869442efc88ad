/** Where the catalog stands in the lake, and how its files name each other: relative, so that the bucket can be moved or mirrored. */

/** A dataset's folder holds its collection, its items, and a folder for each run with the assets. */
export const ROOT_KEY = 'catalog.json';
const ISO_SUFFIX = '.iso.json';
const OPENLINEAGE_PREFIX = '_openlineage/';

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

/** The OpenLineage events of a run. No dataset's name begins with `_`. */
export function openLineageKey(runId: string): string {
  return `${OPENLINEAGE_PREFIX}${runId}.ndjson`;
}

export function isOpenLineageKey(key: string): boolean {
  return key.startsWith(OPENLINEAGE_PREFIX);
}

/** The object that a key stands beside: an ISO record's asset; any other key is its own. */
export function assetKeyOf(key: string): string {
  return key.endsWith(ISO_SUFFIX) ? key.slice(0, -ISO_SUFFIX.length) : key;
}

/** True for documents about assets and runs, which no asset registers: catalog, items, lineage events. */
export function isCatalogKey(key: string): boolean {
  return key === ROOT_KEY || isOpenLineageKey(key) || /^[^/]+\/(collection|v\d+)\.json$/.test(key);
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
