import { expect, test } from 'vitest';
import { assetDocument } from '../../tests/fixtures/documents.ts';
import { compareLake as compare, type RegisteredAsset } from './compare-lake.ts';

const asset = (version: number, fields: Partial<RegisteredAsset> = {}): RegisteredAsset =>
  assetDocument({
    _id: `a${version}`,
    dataset_id: 'straßen',
    version,
    s3_key: `straßen/r${version}/1/straßen.parquet`,
    size_bytes: 100 + version,
    content_hash: 'c'.repeat(64),
    stac_key: `straßen/v${version}.json`,
    ...fields,
  });
/** A lake that agrees with the assets. */
const lakeOf = (...assets: RegisteredAsset[]) =>
  new Map<string, number>([
    ['catalog.json', 1],
    ['straßen/collection.json', 1],
    ['_openlineage/r1.ndjson', 1],
    ...assets.flatMap((one): [string, number][] => [
      [one.s3_key, one.size_bytes],
      [`${one.s3_key}.iso.json`, 1],
      [`straßen/v${one.version}.json`, 1],
    ]),
  ]);
const first = asset(1);
const compareLake = (assets: RegisteredAsset[], lake: Map<string, number>) =>
  compare({ assets, datasetIds: ['straßen'] }, lake);

test('a lake that agrees with the ledger has no discrepancies', () => {
  expect(compareLake([first, asset(2)], lakeOf(first, asset(2)))).toEqual([]);
  expect(compareLake([], new Map())).toEqual([]);
});

test('finds unregistered objects, including an item without a version and files of other programs', () => {
  const lake = lakeOf(first)
    .set('straßen/r9/1/späte #1.parquet', 7)
    .set('straßen/v9.json', 1)
    .set('readme.txt', 3)
    .set('leer/collection.json', 1);
  expect(compareLake([first], lake).map(({ kind, key }) => `${kind} ${key}`)).toEqual([
    'object_unregistered leer/collection.json',
    'object_unregistered readme.txt',
    'object_unregistered straßen/r9/1/späte #1.parquet',
    'object_unregistered straßen/v9.json',
  ]);
});

test('finds a missing root catalog and collection only if a version is complete', () => {
  const lake = lakeOf(first);
  lake.delete('catalog.json');
  lake.delete('straßen/collection.json');
  expect(compareLake([first], lake)).toEqual([
    { kind: 'catalog_missing', key: 'catalog.json' },
    { kind: 'catalog_missing', key: 'straßen/collection.json' },
  ]);
  expect(compareLake([asset(1, { stac_key: null })], new Map([[first.s3_key, first.size_bytes]]))).toEqual([]);
});

test('reports a missing object once, without its records', () => {
  const lake = lakeOf(first);
  lake.delete(first.s3_key);
  lake.delete(`${first.s3_key}.iso.json`);
  expect(compareLake([first], lake)).toEqual([
    { kind: 'object_missing', key: first.s3_key, asset_id: 'a1', dataset_id: 'straßen', version: 1 },
  ]);
});

test('finds an object of another size and a missing record', () => {
  const lake = lakeOf(first).set(first.s3_key, 5);
  lake.delete('straßen/v1.json');
  expect(compareLake([first], lake)).toEqual([
    {
      kind: 'object_changed',
      key: first.s3_key,
      asset_id: 'a1',
      dataset_id: 'straßen',
      version: 1,
      field: 'size_bytes',
      expected: 101,
      found: 5,
    },
    { kind: 'record_missing', key: 'straßen/v1.json', asset_id: 'a1', dataset_id: 'straßen', version: 1 },
  ]);
});

test('an incomplete asset needs no records', () => {
  const plain = asset(1, { stac_key: null });
  expect(
    compareLake(
      [plain],
      new Map([
        [plain.s3_key, plain.size_bytes],
        ['straßen/collection.json', 1],
      ]),
    ),
  ).toEqual([]);
});
