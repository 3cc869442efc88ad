import { expect, test } from 'vitest';
import {
  archiveKeyOf,
  assetKey,
  assetKeyPrefix,
  describedAssetKey,
  isCatalogKey,
  isManifestKey,
  isoKey,
  itemKey,
  keyProblem,
  MAX_DATASET_ID_BYTES,
  manifestKeyOf,
  openLineageKey,
  runIdOfAssetKey,
  userKeyProblem,
} from './object-keys.ts';

const RUN = { dataset_id: 'Straßen', run_id: '0b4c9f4e-5f3f-8b2e-9d1c-2f0a1b2c3d4e' };

test('an asset key contains dataset, run and fencing token', () => {
  const key = assetKey(RUN, 7, '.parquet');
  expect(key).toBe(`Straßen/${RUN.run_id}/7/Straßen.parquet`);
  expect(key.startsWith(assetKeyPrefix(RUN))).toBe(true);
  expect(runIdOfAssetKey(key)).toBe(RUN.run_id);
  expect(isCatalogKey(key)).toBe(false);
});

test('an ISO record has the key of its asset with a suffix', () => {
  const key = assetKey({ ...RUN, dataset_id: 'a #1' }, 1, '.tif');
  expect(describedAssetKey(isoKey(key))).toBe(key);
  expect(describedAssetKey(key)).toBe(key);
});

test('catalog documents are not assets', () => {
  for (const key of ['catalog.json', 'Straßen/collection.json', itemKey('Straßen', 3), openLineageKey(RUN.run_id)])
    expect(isCatalogKey(key)).toBe(true);
});

test('a manifest is archived under its own key, or under a key with its id', () => {
  const key = manifestKeyOf('Straße #1');
  expect(isManifestKey(key)).toBe(true);
  expect(archiveKeyOf(key)).toBe('archive/manifests/Straße #1.json');
  expect(archiveKeyOf(key, '64b0c0ffee')).toBe('archive/manifests/Straße #1.64b0c0ffee.json');
});

test.each([
  ['a name of 233 bytes', `manifests/${'道'.repeat(76)}.json`],
  [
    'a key of 1024 bytes',
    `manifests/${'a'.repeat(200)}/${'b'.repeat(200)}/${'c'.repeat(200)}/${'d'.repeat(200)}/${'e'.repeat(205)}.json`,
  ],
])('a manifest with %s is archived under keys that a store can hold', (_name, key) => {
  expect(keyProblem(key)).toBeUndefined();
  const keys = [archiveKeyOf(key), archiveKeyOf(key, '64b0c0ffee64b0c0ffee6464')];
  expect(keys.map(keyProblem)).toEqual([undefined, undefined]);
  expect(keys[1]).toMatch(/^archive\/manifests\/.*\.64b0c0ffee64b0c0ffee6464\.json$/);
});

test('all objects of the longest dataset id have keys that a store can hold', () => {
  const dataset_id = 'é'.repeat(Math.floor(MAX_DATASET_ID_BYTES / 2));
  const asset = assetKey({ ...RUN, dataset_id }, 2 ** 31, '_1000.tif');
  expect(Buffer.byteLength(dataset_id)).toBeGreaterThan(MAX_DATASET_ID_BYTES - 2);
  for (const key of [isoKey(asset), itemKey(dataset_id, 2 ** 31)]) expect(keyProblem(key)).toBeUndefined();
});

test.each(['manifests/notes.txt', 'archive/manifests/b.json', 'b1/manifests/b.json'])('%s is not a manifest', (key) => {
  expect(isManifestKey(key)).toBe(false);
});

test.each([
  ['', 'is empty'],
  ['é'.repeat(513), 'is longer than 1024 bytes'],
  [`a/${'é'.repeat(117)}/b`, 'has a name of more than 233 bytes'],
  ['a\0b', 'contains a NUL character'],
  ['a/../b', 'contains a "." or ".." segment'],
  ['./a', 'contains a "." or ".." segment'],
])('the object store cannot hold the key %j', (key, problem) => {
  expect(keyProblem(key)).toBe(problem);
});

test.each([
  ['a\nb', 'contains the control character U+000A'],
  ['a\u202eb', 'contains the bidirectional control character U+202E'],
  ['a//b', 'contains an empty segment'],
  ['a/', 'contains an empty segment'],
  ['._S3rver_uploads/a', 'is below ._S3rver_uploads/, the folder of uploads of the embedded object store'],
])('a user cannot choose the key %j', (key, problem) => {
  expect(keyProblem(key)).toBeUndefined();
  expect(userKeyProblem(key)).toBe(problem);
});

test.each(['b1/roads.zip', 'manifests/Roads #1 é 🗺.json', `${'é'.repeat(116)}x/`.repeat(4) + 'é'.repeat(44)])(
  '%j is a valid key',
  (key) => {
    expect(userKeyProblem(key)).toBeUndefined();
  },
);
