import { expect, test } from 'vitest';
import type { Point } from '#shared/contracts/extent.ts';
import { findBounds } from './bounds.ts';

const RADIANS = Math.PI / 180;
/** Polar azimuthal equidistant projection: 1 unit of distance from the pole is 1 degree. */
const polar = ([x, y]: Point): Point => [Math.atan2(x, y) / RADIANS, Math.hypot(x, y) - 90];
const bounds = (
  native: [number, number, number, number],
  transform: (point: Point) => Point | undefined,
  options: { size?: [number, number]; geographic?: boolean } = {},
) =>
  findBounds(
    native,
    options.size ?? [1000, 1000],
    (points) => Promise.resolve(points.map(transform)),
    options.geographic,
  );
const near = (...box: number[]) => box.map((side) => expect.closeTo(side, 1) as number);

test('a raster in degrees keeps its extent, with longitudes from -180 to 180', async () => {
  const degrees = (point: Point) => point;
  expect(await bounds([10, 40, 30, 50], degrees, { geographic: true })).toEqual([10, 40, 30, 50]);
  expect(await bounds([0, 80, 10, 90], degrees, { geographic: true })).toEqual([0, 80, 10, 90]);
  expect(await bounds([-2.5, -92.5, 357.5, 92.5], degrees, { geographic: true })).toEqual([-180, -90, 180, 90]);
  expect(await bounds([190, -10, 200, 10], degrees, { geographic: true })).toEqual([-170, -10, -160, 10]);
  expect(await bounds([170, -10, 200, 10], degrees, { geographic: true })).toEqual([170, -10, -160, 10]);
});

test('a pole inside a raster gives it all longitudes, a pole at its corner does not', async () => {
  expect(await bounds([-10, -10, 10, 10], polar)).toEqual([
    -180,
    -90,
    180,
    expect.closeTo(-90 + Math.hypot(10, 10), 1),
  ]);
  expect((await bounds([-10.3, -7.7, 10, 9], polar))?.slice(0, 3)).toEqual([-180, -90, 180]);
  expect(await bounds([0, 0, 10, 10], polar)).toEqual(near(0, -90, 90, -90 + Math.hypot(10, 10)));
});

test('a raster across the antimeridian has a west that is greater than its east', async () => {
  expect(await bounds([-1, -30, 1, -20], polar)).toEqual(
    near(180 - Math.atan2(1, 20) / RADIANS, -70, -180 + Math.atan2(1, 20) / RADIANS, -90 + Math.hypot(1, 30)),
  );
});

test('the edge of a disk is found to less than a pixel', async () => {
  // The half of the Earth that is seen from afar (orthographic projection): corners have no position.
  const disk = ([x, y]: Point): Point | undefined => {
    const z = Math.sqrt(1 - x * x - y * y);
    return Number.isNaN(z) ? undefined : [Math.atan2(x, z) / RADIANS, Math.asin(y) / RADIANS];
  };
  const box = await bounds([-1.1, -1.1, 1.1, 1.1], disk, { size: [5000, 5000] });
  expect(box?.[3]).toBeGreaterThan(88);
  expect(box?.[1]).toBeLessThan(-88);
  expect(box?.[2]).toBeGreaterThan(88);
  expect(await bounds([5, 5, 6, 6], disk)).toBeNull();
});
