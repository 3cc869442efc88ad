import { expect, test } from 'vitest';
import { rasterInfo } from '../../../tests/fixtures/raster-info.ts';
import { commonGrid, uncompressedBytes } from './pixel-grid.ts';

test('finds the common grid of rasters with aligned pixels', () => {
  const east = rasterInfo({ geoTransform: [1000, 10, 0, 520, 0, -10] });
  expect(commonGrid([rasterInfo(), east])).toEqual({
    extent: [0, 0, 2000, 520],
    resolution: [10, 10],
    size: [200, 52],
  });
  expect(commonGrid([rasterInfo(), rasterInfo({ geoTransform: [1003, 10, 0, 500, 0, -10] })])).toBeUndefined();
  expect(commonGrid([rasterInfo(), rasterInfo({ geoTransform: [1000, 11, 0, 500, 0, -10] })])).toBeUndefined();
  expect(commonGrid([rasterInfo({ geoTransform: [0, 10, 1, 500, 0, -10] })])).toBeUndefined();
});

test('computes the bytes of all pixels', () => {
  expect(uncompressedBytes({ size: [1_000_000, 1_000_000], bands: rasterInfo().bands })).toBe(4e12);
});
