import { expect, test } from 'vitest';
import { boxInDegrees, extentOfPoints, gridOfExtent } from './extent.ts';

test('normalizes longitudes of a box in degrees, and limits latitudes', () => {
  expect(boxInDegrees(gridOfExtent([170, -10, 200, 95]))).toEqual([-180, -10, 180, 90]);
  expect(boxInDegrees(gridOfExtent([190, -10, 200, 10]))).toEqual([-170, -10, -160, 10]);
  expect(boxInDegrees([])).toBeUndefined();
});

test('a grid of points covers its extent', () => {
  const points = gridOfExtent([1, 2, 3, 6]);
  expect(points).toHaveLength(21 * 21);
  expect(points).toContainEqual([2, 4]);
  expect(extentOfPoints(points)).toEqual([1, 2, 3, 6]);
  expect(extentOfPoints([])).toBeUndefined();
});
