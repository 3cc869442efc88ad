import { expect, test } from 'vitest';
import { horizontalBounds, profileOf } from './geometry-profile.ts';

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
