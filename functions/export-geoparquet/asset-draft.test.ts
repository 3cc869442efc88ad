import { expect, test } from 'vitest';
import { ManifestSchema } from '#shared/manifest/manifest.ts';
import type { SourceFile } from '#shared/contracts/shared-schemas.ts';
import { assetKey } from '#shared/contracts/object-keys.ts';
import { sourceHash } from './asset-draft.ts';

const file = (path: string, sha256: string): SourceFile => ({
  path,
  sha256,
  size_bytes: 1,
  format: 'GPKG',
  layer: null,
  crs: 'EPSG:4326',
  row_count: 1,
});
const manifest = (paths: string[], fields: object = {}) => ({
  manifest: ManifestSchema.parse({
    batch_id: 'b',
    uploader: 'ana',
    intent: 'ingest_vector',
    files: paths.map((path) => ({ path, type: 'vector', format: 'GPKG', ...fields })),
  }),
});
const ready = { recipe: 'default', parameters: { target_crs: 'EPSG:4326', simplify_tolerance: 0 }, crs: 'EPSG:4326' };
const base = sourceHash(manifest(['a', 'b']), { files: [file('a', '1'), file('b', '2')] }, ready);

test('the same bytes result in the same hash, regardless of names and order of the files', () => {
  expect(sourceHash(manifest(['x', 'y']), { files: [file('y', '2'), file('x', '1')] }, ready)).toBe(base);
  expect(
    sourceHash(
      manifest(['a', 'b']),
      { files: [file('a', '1'), file('b', '2')] },
      { ...ready, parameters: { simplify_tolerance: 0, target_crs: 'EPSG:4326' } },
    ),
  ).toBe(base);
});

test('other bytes, a declared CRS, a layer, another recipe or parameter result in another hash', () => {
  const others = [
    sourceHash(manifest(['a', 'b']), { files: [file('a', '1'), file('b', '3')] }, ready),
    sourceHash(manifest(['a', 'b'], { crs: 'EPSG:27700' }), { files: [file('a', '1'), file('b', '2')] }, ready),
    sourceHash(manifest(['a', 'b'], { layer: 'roads' }), { files: [file('a', '1'), file('b', '2')] }, ready),
    sourceHash(
      manifest(['a', 'b']),
      { files: [file('a', '1'), file('b', '2')] },
      { ...ready, recipe: 'ingest_road_network' },
    ),
    sourceHash(
      manifest(['a', 'b']),
      { files: [file('a', '1'), file('b', '2')] },
      { ...ready, parameters: { ...ready.parameters, simplify_tolerance: 1 } },
    ),
  ];
  expect(new Set([base, ...others]).size).toBe(6);
});

test('the key of the object names the claim', () => {
  expect(assetKey({ dataset_id: 'Straßen', run_id: 'r' }, 7, '.parquet')).toBe('Straßen/r/7/Straßen.parquet');
});
