import { expect, test } from 'vitest';
import { crossingSides, horizontalBounds, profileOf } from './geometry-profile.ts';

test('combines the groups: counts, exact types, bounds', () => {
  const profile = profileOf([
    { type: null, zm: null, rows: 2, empties: 0, box: null },
    { type: 'POLYGON', zm: 0, rows: 3, empties: 1, box: [0, 1, 9e-300, 2, 3, 9e-300] },
    { type: 'POINT', zm: 2, rows: 1, empties: 0, box: [-5, 2, 7, -5, 2, 8] },
  ]);
  // The third and the last number of a box are meaningless without Z.
  expect(profile).toEqual({
    row_count: 6,
    null_geometries: 2,
    empty_geometries: 1,
    geometry_types: ['Point Z', 'Polygon'],
    bbox: [-5, 1, 7, 2, 3, 8],
  });
  expect(horizontalBounds(profile.bbox)).toEqual([-5, 1, 2, 3]);
  expect(horizontalBounds([1, 2, 3, 4])).toEqual([1, 2, 3, 4]);
});

test('a table without coordinates has no bounds', () => {
  expect(profileOf([{ type: 'POLYGON', zm: 0, rows: 1, empties: 1, box: null }]).bbox).toBeNull();
  expect(horizontalBounds(null)).toBeNull();
});

test('the sides of data across longitude 180: west is greater than east', () => {
  const ranges = (...all: [number, number][]) => crossingSides(all.map(([west, east]) => ({ west, east })));
  expect(ranges([-180, -178], [177, 180])).toEqual({ west: 177, east: -178 });
  // Points in Fiji, and the United States.
  expect(ranges([-178, -178], [177, 177])).toEqual({ west: 177, east: -178 });
  expect(ranges([-180, -130], [-125, -67], [172, 180])).toEqual({ west: 172, east: -67 });
  // Places on three continents, the whole world, and all countries.
  expect(ranges([-120, -110], [0, 10], [140, 150])).toBeUndefined();
  expect(ranges([-180, 180])).toBeUndefined();
  expect(ranges([-180, 20], [-170, -60], [-20, 180])).toBeUndefined();
  expect(ranges([-180, -60], [10, 180])).toEqual({ west: 10, east: -60 });
  expect(ranges()).toBeUndefined();
});
