import { expect, test } from 'vitest';
import { type JoinOptions, planJoinBatch } from './join-batch.ts';

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
