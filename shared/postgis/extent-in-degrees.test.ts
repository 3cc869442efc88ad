import { expect, test } from 'vitest';
import type { PostgisSession } from './postgis.ts';
import { postgisBoundsInDegrees, postgisExtentInDegrees, smallestBox } from './extent-in-degrees.ts';

/** A session whose queries return these points. */
const session = (answer: () => { x: number; y: number }[]): Pick<PostgisSession, 'query'> => ({
  query: (async () => answer()) as unknown as PostgisSession['query'],
});
const failure = (code: string) => () => {
  throw Object.assign(new Error('transform failed'), { code });
};

test('returns an extent in EPSG:4326 without a query', async () => {
  expect(await postgisExtentInDegrees(session(failure('XX000')), [1, 2, 3, 4], 4326)).toEqual([1, 2, 3, 4]);
});

test('returns the bounding box of the transformed points, without infinite ones', async () => {
  const points = [
    { x: 1, y: 50 },
    { x: Infinity, y: Infinity },
    { x: 3, y: 48 },
  ];
  expect(
    await postgisExtentInDegrees(
      session(() => points),
      [0, 0, 9, 9],
      27700,
    ),
  ).toEqual([1, 48, 3, 50]);
});

test('is undefined when PROJ cannot transform a point, and rejects with other errors', async () => {
  expect(await postgisExtentInDegrees(session(failure('XX000')), [0, 0, 9, 9], 27700)).toBeUndefined();
  await expect(postgisExtentInDegrees(session(failure('57P01')), [0, 0, 9, 9], 27700)).rejects.toMatchObject({
    code: '57P01',
  });
});

test('the bounds of data across longitude 180 have their west greater than their east', async () => {
  const points = [178, 179.5, -179, -178].map((x) => ({ x, y: -40 }));
  expect(
    await postgisBoundsInDegrees(
      session(() => points),
      [0, 0, 9, 9],
      32760,
    ),
  ).toEqual([178, -40, -178, -40]);
  expect(await postgisBoundsInDegrees(session(failure('XX000')), [178, -41, -178, -40], 4326)).toEqual([
    178, -41, -178, -40,
  ]);
  expect(smallestBox([-180, -90, 0, 90, 180].map((x) => [x, 0]))).toEqual([-180, 0, 180, 0]);
  expect(smallestBox([5, 10].map((x) => [x, 0]))).toEqual([5, 0, 10, 0]);
  expect(smallestBox([[-180, 0]])).toEqual([-180, 0, -180, 0]);
  expect(smallestBox([])).toBeUndefined();
});
