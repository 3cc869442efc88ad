import { expect, test } from 'vitest';
import { checkExtentInCrs, parseTransformedPoints } from './check-extent.ts';
import { CRS84 } from './crs.ts';

test('reads the points in the output of gdaltransform, including those without a position', () => {
  expect(parseTransformedPoints('1 2\ntransformation failed.\ninf inf\n-3.5 4e1\n')).toEqual([
    [1, 2],
    undefined,
    undefined,
    [-3.5, 40],
  ]);
});

test('advises to subtract 360 from longitudes between 180 and 540', async () => {
  const message = (west: number, east: number) =>
    checkExtentInCrs(CRS84, [west, 0, east, 1], 'f', () => Promise.resolve(undefined)).catch(
      (thrown: unknown) => (thrown as Error).message,
    );
  expect(await message(180, 539.75)).toMatch(/or 360 if they start at 0, so subtract 360 from them\.$/);
  expect(await message(0, 539.75)).toMatch(/or 360 if they start at 0\.$/);
});
