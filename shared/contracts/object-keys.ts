import { truncateToBytes } from '#shared/text/truncate.ts';
import { rejectedCharacter } from '#shared/text/visible-text.ts';

/** The keys of all objects that Sluice reads or writes. No other module builds or parses a key. */

/** Longest object key of S3, in bytes of UTF-8. */
export const MAX_KEY_BYTES = 1024;
/**
 * Longest part of a key between two slashes, in bytes of UTF-8, that every object store can hold. MinIO and s3rver
 * store it as a file name, which has at most 255 bytes on most file systems. s3rver appends `._S3rver_metadata.json`.
 */
export const MAX_SEGMENT_BYTES = 255 - '._S3rver_metadata.json'.length;

/**
 * Why no object can have this key, as the end of a sentence about it; undefined for a valid key. MinIO rejects `.` and
 * `..` segments; s3rver would follow them out of the bucket.
 */
export function keyProblem(key: string): string | undefined {
  if (key === '') return 'is empty';
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) return `is longer than ${MAX_KEY_BYTES} bytes`;
  if (isTooLong(key)) return `has a name of more than ${MAX_SEGMENT_BYTES} bytes`;
  if (key.includes('\0')) return 'contains a NUL character';
  if (key.split('/').some((segment) => segment === '.' || segment === '..')) return 'contains a "." or ".." segment';
  return undefined;
}

/** Whether a key, or a part of it between two slashes, has too many bytes. */
export function isTooLong(key: string): boolean {
  return (
    Buffer.byteLength(key) > MAX_KEY_BYTES ||
    key.split('/').some((segment) => Buffer.byteLength(segment) > MAX_SEGMENT_BYTES)
  );
}

/** The embedded object store keeps parts of uploads here, does not list it, and deletes old folders in it. */
const STORE_PREFIX = '._S3rver_uploads/';

/** As keyProblem, with the stricter rules for a key that a user chooses: no client and no message may change it. */
export function userKeyProblem(key: string): string | undefined {
  const rejected = rejectedCharacter(key);
  if (rejected !== undefined) return `contains ${rejected}`;
  if (key !== '' && key.split('/').includes('')) return 'contains an empty segment';
  if (key.startsWith(STORE_PREFIX))
    return `is below ${STORE_PREFIX}, the folder of uploads of the embedded object store`;
  return keyProblem(key);
}

/** Requests for this key check the rights of a key. The object never exists. */
export const PROBE_KEY = '_sluice/access-check';

// Landing zone

/** Manifests are uploaded below this prefix. */
export const MANIFESTS_PREFIX = 'manifests/';
export const MANIFEST_SUFFIX = '.json';
/** Manifests are moved below this prefix when their run has ended. */
export const ARCHIVE_PREFIX = 'archive/';

export function manifestKeyOf(name: string): string {
  return `${MANIFESTS_PREFIX}${name}${MANIFEST_SUFFIX}`;
}

export function isManifestKey(key: string): boolean {
  return key.startsWith(MANIFESTS_PREFIX) && key.endsWith(MANIFEST_SUFFIX);
}

/**
 * Where a manifest is archived. With `manifestId` the key is unique to that manifest: used when another manifest of the
 * same key was archived before. A name that would be too long with the prefix or the id is shortened.
 */
export function archiveKeyOf(manifestKey: string, manifestId?: string): string {
  const suffix = manifestId === undefined ? MANIFEST_SUFFIX : `.${manifestId}${MANIFEST_SUFFIX}`;
  const stem = manifestKey.replace(/\.json$/, '');
  const key = `${ARCHIVE_PREFIX}${stem}${suffix}`;
  if (keyProblem(key) === undefined) return key;
  const name = stem.slice(stem.lastIndexOf('/') + 1);
  return `${ARCHIVE_PREFIX}${MANIFESTS_PREFIX}${truncateToBytes(name, MAX_SEGMENT_BYTES - suffix.length)}${suffix}`;
}

// Data lake: a folder for each dataset holds its collection, its items, and a folder for each run with the assets.

export const ROOT_KEY = 'catalog.json';
const ISO_SUFFIX = '.iso.json';
const OPENLINEAGE_PREFIX = '_openlineage/';
/** Longest end of a key after the dataset id: the ISO record of the last of 1,000 rasters of a manifest. */
const LONGEST_SUFFIX = `_1000.tif${ISO_SUFFIX}`;
/** Longest dataset id, in bytes of UTF-8: the names of its assets and their records start with it. */
export const MAX_DATASET_ID_BYTES = MAX_SEGMENT_BYTES - LONGEST_SUFFIX.length;

interface RunRef {
  dataset_id: string;
  run_id: string;
}

/** The prefix of all assets that a run writes for a dataset. */
export function assetKeyPrefix({ dataset_id, run_id }: RunRef): string {
  return `${dataset_id}/${run_id}/`;
}

/**
 * The key of an asset. The file name, which downloads get, is the dataset id and `suffix`, such as `.parquet`. The key
 * contains the fencing token, so that a stale worker cannot overwrite the asset of a newer one.
 */
export function assetKey(run: RunRef, token: number, suffix: string): string {
  return `${assetKeyPrefix(run)}${token}/${run.dataset_id}${suffix}`;
}

/** The run_id of the run that wrote an asset. */
export function runIdOfAssetKey(key: string): string {
  return key.split('/')[1] ?? '';
}

export function collectionKey(datasetId: string): string {
  return `${datasetId}/collection.json`;
}

export function itemKey(datasetId: string, version: number): string {
  return `${datasetId}/v${version}.json`;
}

/** The ISO record, next to the asset. */
export function isoKey(forAssetKey: string): string {
  return `${forAssetKey}${ISO_SUFFIX}`;
}

/** The key of the asset that an ISO record describes; any other key is returned unchanged. */
export function describedAssetKey(key: string): string {
  return key.endsWith(ISO_SUFFIX) ? key.slice(0, -ISO_SUFFIX.length) : key;
}

/** The OpenLineage events of a run. A dataset name never begins with `_`. */
export function openLineageKey(runId: string): string {
  return `${OPENLINEAGE_PREFIX}${runId}.ndjson`;
}

export function isOpenLineageKey(key: string): boolean {
  return key.startsWith(OPENLINEAGE_PREFIX);
}

/** True for documents about assets and runs, which are not assets themselves: catalog, items, lineage events. */
export function isCatalogKey(key: string): boolean {
  return key === ROOT_KEY || isOpenLineageKey(key) || /^[^/]+\/(collection|v\d+)\.json$/.test(key);
}

/**
 * A relative URL from one object to another of the same bucket, percent-encoded. Catalog documents link by relative
 * URLs, so that the bucket can be moved or mirrored.
 */
export function relativeHref(fromKey: string, toKey: string): string {
  const from = fromKey.split('/').slice(0, -1);
  const to = toKey.split('/');
  let shared = 0;
  while (shared < from.length && shared < to.length - 1 && from[shared] === to[shared]) shared += 1;
  const path = [...from.slice(shared).map(() => '..'), ...to.slice(shared).map(encodeURIComponent)].join('/');
  return path.startsWith('..') ? path : `./${path}`;
}
