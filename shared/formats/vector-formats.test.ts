import { expect, test } from 'vitest';
import { vectorFormat } from './vector-formats.ts';

test('finds formats by alias, and chooses between formats of one driver by extension', () => {
  for (const [name, path, found] of [
    ['esri shapefile', 'a.shp', 'ESRI Shapefile'],
    ['MapInfo File', 'a.MIF', 'MIF'],
    ['KML', 'a.kmz', 'KMZ'],
    ['kmz', 'a.kml', 'KML'],
    ['geo-package', 'a', 'GPKG'],
  ] as const)
    expect(vectorFormat(name, path).name).toBe(found);
  expect(() => vectorFormat('VRT')).toThrow('The vector format "VRT" is not supported.');
});
