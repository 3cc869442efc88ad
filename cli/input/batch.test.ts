import { expect, test } from 'vitest';
import { keyProblem } from '#shared/contracts/object-keys.ts';
import { type JoinOptions, planBatch, planJoinBatch } from './batch.ts';
import type { LocalFile } from './source-files.ts';

const source = (path: string, ...parts: string[]): LocalFile => ({
  path,
  format: 'ESRI Shapefile',
  type: 'vector',
  parts: [path, ...parts].map((part) => ({ path: part, size: 10 })),
});
const names = { now: new Date('2025-03-01T10:15:30.123Z'), random: 'c0ffee', bucket: 'landing-zone' };

test('files are uploaded to the folder of the batch, and listed in the manifest', () => {
  const batch = planBatch(
    [source('/data/Straßen #1 + é.shp', '/data/Straßen #1 + é.dbf')],
    { dataset: 'straßen', uploader: 'ana', crs: 'EPSG:27700', project: 'ALPHA' },
    names,
  );
  const folder = 'straßen-20250301T101530-c0ffee';
  expect(batch.manifestKey).toBe(`manifests/${folder}.json`);
  const keys = ['.shp', '.dbf'].map((extension) => `${folder}/Straßen #1 + é${extension}`);
  expect(batch.uploads.map(({ key }) => key)).toEqual(keys);
  expect(batch.manifest).toEqual({
    batch_id: folder,
    uploader: 'ana',
    intent: 'ingest_vector',
    files: [
      {
        path: `s3://landing-zone/${folder}/Straßen #1 + é.shp`,
        type: 'vector',
        format: 'ESRI Shapefile',
        crs: 'EPSG:27700',
      },
    ],
    metadata: { project: 'ALPHA', tags: { dataset_id: 'straßen' } },
  });
});

test.each([
  [{ simplify: 1 }, '--recipe: simplify is an unknown field; expected one of '],
  [{ steps: [{ step: 'centroid', crs: 'x' }] }, '--recipe: steps[0].crs is an unknown field; expected step.'],
])('the error about the recipe %j names its field', (recipe, message) => {
  expect(() => planBatch([source('x.shp')], { dataset: 'x', uploader: 'ana', recipe }, names)).toThrow(message);
});

test('files of the same name do not overwrite each other', () => {
  const { uploads } = planBatch(
    [source('2023/roads.shp', '2023/roads.dbf'), source('2024/ROADS.shp')],
    { dataset: 'roads', uploader: 'ana' },
    names,
  );
  const folder = 'roads-20250301T101530-c0ffee';
  expect(uploads.map(({ key }) => key)).toEqual([
    `${folder}/roads.shp`,
    `${folder}/roads.dbf`,
    `${folder}/2/ROADS.shp`,
  ]);
});

test('--batch-id is preserved, and its folder gets a safe and unique name', () => {
  const { batchId, manifestKey } = planBatch(
    [source('x.shp')],
    { dataset: 'x', uploader: 'ana', batchId: '../März #1/é' },
    names,
  );
  expect([batchId, manifestKey]).toEqual(['../März #1/é', 'manifests/_März_1_é-c0ffee.json']);
});

test('the keys of a long dataset name are shortened to what a store can hold', () => {
  const dataset = '道路'.repeat(35);
  const { batchId, manifestKey, uploads } = planBatch([source('x.shp')], { dataset, uploader: 'ana' }, names);
  expect(batchId).toBe(`${dataset}-20250301T101530-c0ffee`);
  expect(manifestKey).toBe(`manifests/${'道路'.repeat(25)}-20250301T101530-c0ffee.json`);
  for (const key of [manifestKey, ...uploads.map((upload) => upload.key)]) expect(keyProblem(key)).toBeUndefined();
});

test.each([
  [
    { dataset: '道'.repeat(72) },
    `--dataset "${'道'.repeat(72)}" must be at most 215 bytes of UTF-8, because file names start with it.`,
  ],
  [
    { dataset: 'a b' },
    '--dataset "a b" must be 1 to 100 letters, digits, ".", "_" or "-", and start with a letter or digit.',
  ],
  [{ dataset: 'a', intent: 'NO' }, '--intent must be lower-case letters, digits and "_".'],
  [{ dataset: 'a', batchId: 'a\nb' }, '--batch-id must not contain the control character U+000A.'],
  [{ dataset: 'a', batchId: '\u202e' }, '--batch-id must not contain the bidirectional control character U+202E.'],
  [
    { dataset: 'cafe\u0301' },
    '--dataset "cafe\u0301" must be in the Unicode normalization form NFC: write U+0065 U+0301 as U+00E9.',
  ],
  [{ dataset: 'a', project: '' }, '--project is empty.'],
])('%j is rejected with the name of the option', (options, message) => {
  expect(() => planBatch([source('x.shp')], { uploader: 'ana', ...options }, names)).toThrow(
    expect.objectContaining({ code: 'REQUEST_INVALID', message }),
  );
});

test('an option for files is set on the files in which it has an effect', () => {
  const csv = { ...source('punkte.csv'), format: 'CSV' };
  const { manifest } = planBatch(
    [csv, { ...source('roads.geojson'), format: 'GeoJSON' }, source('roads.shp')],
    { dataset: 'a', uploader: 'ana', xColumn: 'lon', encoding: 'windows-1252', crs: 'EPSG:4326' },
    names,
  );
  expect(manifest.files.map(({ x_column, encoding, crs }) => [x_column, encoding, crs])).toEqual([
    ['lon', 'windows-1252', 'EPSG:4326'],
    [undefined, 'windows-1252', 'EPSG:4326'],
    [undefined, 'windows-1252', 'EPSG:4326'],
  ]);
});

test.each([
  [{ xColumn: 'x' }, '--x-column', 'vector files of format CSV without wkt_column'],
  [{ layer: 'a' }, '--layer', 'archives, and formats with several layers in a file'],
  [{ raster: { target_crs: 'EPSG:3857' } }, '--target-crs', 'raster files'],
  [{ tabular: { columns: { a: 'text' as const } } }, '--column-type', 'tabular files, and vector files of format CSV'],
])('%j is rejected for a shapefile, because it has no effect', (options, option, appliesTo) => {
  expect(() => planBatch([source('x.shp')], { dataset: 'a', uploader: 'ana', ...options }, names)).toThrow(
    expect.objectContaining({
      code: 'REQUEST_INVALID',
      message: `${option} has no effect, because it applies only to ${appliesTo}.`,
      details: { option },
    }),
  );
});

const moment = { now: new Date('2025-03-01T10:15:30.123Z'), random: 'c0ffee' };
const plan = (options: Partial<JoinOptions> = {}, spatial = 'straßen', tabular = '0123456789abcdef01234567') =>
  planJoinBatch(spatial, tabular, { dataset: 'verkehr', uploader: 'ana', on: 'Straße #=id', ...options }, moment);

test('a name refers to a dataset, an id to an asset; the batch has no files', () => {
  expect(plan()).toEqual({
    batchId: 'verkehr-20250301T101530-c0ffee',
    manifestKey: 'manifests/verkehr-20250301T101530-c0ffee.json',
    uploads: [],
    manifest: {
      batch_id: 'verkehr-20250301T101530-c0ffee',
      uploader: 'ana',
      intent: 'join_datasets',
      files: [],
      metadata: {
        tags: { dataset_id: 'verkehr' },
        join_config: {
          spatial_asset_id: 'dataset:straßen',
          tabular_asset_id: '0123456789abcdef01234567',
          left_key: 'Straße #',
          right_key: 'id',
          how: 'left',
          prefix: 't_',
          allow_duplicate_keys: false,
        },
      },
    },
  });
});

test('one name is the key of both assets; columns are comma-separated', () => {
  const { manifest } = plan(
    { on: 'code', columns: 'Größe in m², é 🚗', how: 'inner', prefix: 'z ', allowDuplicates: true },
    'dataset:0123456789abcdef01234567',
  );
  expect(manifest.metadata.join_config).toMatchObject({
    spatial_asset_id: 'dataset:0123456789abcdef01234567',
    left_key: 'code',
    right_key: 'code',
    columns: ['Größe in m²', 'é 🚗'],
    how: 'inner',
    prefix: 'z ',
    allow_duplicate_keys: true,
  });
});

test.each([
  [
    { on: 'a=b=c' },
    '--on "a=b=c" must be LEFT=RIGHT: a column of the spatial asset and one of the table. ' +
      'A column name with "=" can only be set in a manifest',
  ],
  [{ on: '=b' }, '--on "=b" must be LEFT=RIGHT'],
  [{ columns: 'a,,b' }, 'entry 2 of --columns is empty.'],
  [{ prefix: '' }, '--prefix is empty.'],
  [{ how: 'outer' }, '--how must be one of "left", "inner", not "outer".'],
  [{ dataset: '../x' }, '--dataset "../x" must be'],
])('%o is rejected with the name of the option', (options, message) => {
  expect(() => plan(options)).toThrow(
    expect.objectContaining({ code: 'REQUEST_INVALID', message: expect.stringContaining(message) as string }) as Error,
  );
});
