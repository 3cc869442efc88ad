import { expect, test } from 'vitest';
import { parseStack } from '#shared/config/stack.ts';
import { LANES } from '#shared/contracts/lanes.ts';
import { isEnabled, laneOf, lanesServedBy } from './choose-lane.ts';
import type { Manifest } from './manifest.ts';

const file = (type: 'vector' | 'raster' | 'tabular') => ({ path: 's3://landing-zone/b/x', type, format: 'GPKG' });
const manifest = (intent: string, files: Manifest['files'], metadata: Manifest['metadata'] = {}): Manifest => ({
  batch_id: 'b',
  uploader: 'ana',
  intent,
  files,
  metadata,
});
const join_config = {
  spatial_asset_id: 'a',
  tabular_asset_id: 'b',
  left_key: 'x',
  right_key: 'y',
  how: 'left' as const,
  prefix: 't_',
  allow_duplicate_keys: false,
};

test.each([
  [manifest('ingest_vector', [file('vector')]), 'vector'],
  [manifest('ingest_raster', [file('raster')]), 'raster'],
  [manifest('ingest_tabular', [file('tabular'), file('tabular')]), 'tabular'],
  [manifest('join_datasets', [], { join_config }), 'join'],
  [manifest('ingest_road_network', [file('vector')]), 'vector'],
  [manifest('ingest_satellite_raster', [file('raster')]), 'raster'],
])('the lane of $intent is %s', (given, lane) => expect(laneOf(given)).toBe(lane));

test.each([
  [
    manifest('ingest_vector', [file('vector'), file('raster')]),
    'files[1].type is "raster", but intent ingest_vector requires vector files.',
  ],
  [
    manifest('my_intent', [file('raster'), file('vector')]),
    'files[1].type is "vector", but the first file is a raster file, and all files of a manifest must have the same type.',
  ],
  [manifest('my_intent', []), 'files is empty. Intent my_intent requires at least one file.'],
  [manifest('ingest_tabular', []), 'files is empty. Intent ingest_tabular requires at least one file.'],
  [manifest('join_datasets', []), 'metadata.join_config is missing. Intent join_datasets requires it.'],
  [
    manifest('join_datasets', [file('vector')], { join_config }),
    'files must be empty for intent join_datasets, because it joins assets of the lake.',
  ],
])('rejects files and metadata that do not match the intent: %#', (given, message) => {
  expect(() => laneOf(given)).toThrow(expect.objectContaining({ code: 'MANIFEST_INVALID', message }));
});

test('the lane group ingest enables the vector and the raster lane', () => {
  const env = { MANIFEST_ROUTER_ENABLED_LANES: ' tabular, ingest' };
  expect(isEnabled('vector', env) && isEnabled('raster', env) && isEnabled('tabular', env)).toBe(true);
  expect(isEnabled('join', env)).toBe(false);
});

test('a lane is served when a function receives its runs', () => {
  const stack = (topic: string) =>
    parseStack(JSON.stringify({ functions: { 'export-cog': { annotations: { topic } } } }));
  expect([...lanesServedBy(stack('sluice.table.loaded'))]).toEqual([]);
  expect([...lanesServedBy(stack('sluice.table.loaded, sluice.run.requested.raster'))]).toEqual(['raster']);
});

test('without a stack.yml, as in a container, every lane is served', () => {
  expect([...lanesServedBy(undefined)]).toEqual(LANES);
});
