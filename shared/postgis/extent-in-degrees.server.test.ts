import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RecipeDatabase, recipeDatabase } from '../../tests/recipe-session.ts';
import { postgisBoundsInDegrees } from './extent-in-degrees.ts';
import type { PostgisSession } from './postgis.ts';

let database: RecipeDatabase;
let session: PostgisSession;
beforeAll(async () => {
  database = await recipeDatabase();
  session = await database.open();
});
afterAll(() => database.stop());

test.each([
  [3031, [-1e6, -2e6, 3e6, 1.1e6], [-180, -90, 180, -57.7]],
  [3413, [-1e6, -2e6, 3e6, 1.1e6], [-180, 57.6, 180, 90]],
  [3034, [3e6, 2e6, 5e6, 9e6], [-180, 43.8, 180, 90]],
  // Without a pole: beside it, and in projections in which a pole is a line or has no position.
  [3031, [1e5, 1e5, 3e6, 1.1e6], [5.2, -88.7, 88.1, -61.2]],
  [32662, [0, 8e6, 1e7, 10018754.17], [0, 71.9, 89.8, 90]],
  [3857, [0, 0, 1e6, 2e7], [0, 0, 9, 85]],
] as const)('bounds of an extent of EPSG:%i %j', async (srid, extent, expected) => {
  const bounds = await postgisBoundsInDegrees(session, [...extent], srid);
  expect(bounds?.map((degrees) => Math.round(degrees * 10) / 10)).toEqual(expected);
});
