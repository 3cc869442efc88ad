import { expect, test } from 'vitest';
import { describeLineage } from './assets.ts';

const made = {
  operation: 'join_datasets',
  recipe: 'default',
  parameters: {},
  software: {},
  run_id: '0d4a1f6e-2f64-8c11-9a3e-0123456789ab',
};
const asset = (id: string) => ({
  id,
  kind: 'asset' as const,
  asset_kind: 'spatial' as const,
  dataset_id: id,
  version: 2,
  s3_key: `${id}.parquet`,
  content_hash: '',
  created_at: '',
});

test('formats both directions as trees, names removed assets, and stops at cycles', () => {
  const lines = describeLineage({
    root: 'joined',
    truncated: true,
    nodes: [
      asset('joined'),
      asset('straßen'),
      { id: 'gone', kind: 'removed asset' },
      { id: 'f', kind: 'file', path: 's3://landing-zone/b 1/é#.zip', sha256: '' },
    ],
    edges: [
      { ...made, from: 'straßen', to: 'joined' },
      { ...made, from: 'f', to: 'straßen' },
      { ...made, from: 'joined', to: 'gone' },
      { ...made, from: 'gone', to: 'joined' },
    ],
  });
  expect(lines.map((line) => line.replace(/ {2}\(join.*/, ''))).toEqual([
    'joined, version 2 (spatial asset joined)',
    'Sources:',
    '  straßen, version 2 (spatial asset straßen)',
    '    s3://landing-zone/b 1/é#.zip',
    '  asset gone (removed)',
    'Derived assets:',
    '  asset gone (removed)',
    'The graph is larger; only a part is shown.',
  ]);
});
