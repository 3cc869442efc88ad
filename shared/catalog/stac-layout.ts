/** Where the STAC catalogue stands in the lake, and how its files name each other: relative, so that the bucket can be moved or mirrored. */

export const ROOT_KEY = 'stac/catalog.json';

export function collectionKey(datasetId: string): string {
  return `stac/${datasetId}/collection.json`;
}

export function itemKey(datasetId: string, version: number): string {
  return `stac/${datasetId}/v${version}.json`;
}

/** The ISO record, next to the asset. */
export function isoKey(assetKey: string): string {
  return `${assetKey}.iso.json`;
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
