import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RecipeDatabase, recipeDatabase, runRecipeOf } from '../../../tests/recipe-session.ts';

let database: RecipeDatabase;
beforeAll(async () => {
  database = await recipeDatabase();
});
afterAll(() => database.stop());

async function notesOf(srid: number, target: number, ...shapes: string[]): Promise<[code: string, message: string][]> {
  const session = await database.open();
  await session.query('create unlogged table raw_data (sluice_fid bigint, geom geometry)');
  for (const [index, wkt] of shapes.entries())
    await session.query('insert into raw_data values ($1, ST_GeomFromText($2, $3))', [index + 1, wkt, srid]);
  const parameters = { simplify_tolerance: 0, target_crs: `EPSG:${target}` };
  const { notes } = await runRecipeOf(session, { srid, parameters });
  return notes.map(({ code, message }) => [code, message]);
}

const rectangle = (x1: number, y1: number, x2: number, y2: number) =>
  `POLYGON((${x1} ${y1}, ${x2} ${y1}, ${x2} ${y2}, ${x1} ${y2}, ${x1} ${y1}))`;

/** The change in percent according to shapely and pyproj: of dense edges, in an equal-area projection. */
test.each([
  ['a polygon in a polar projection', 3413, 4326, rectangle(1e5, -9e5, 9e5, -3e5), 32.3],
  ['a line in a polar projection', 3413, 4326, 'LINESTRING(5e5 -5e5, 15e5 -15e5, 15e5 0)', 5.9],
  ['a thin polygon, whose area stays the same', 32632, 4326, rectangle(3e5, 66e5, 7e5, 6605e3), 139.8],
  ['a line along a parallel', 4326, 3035, 'LINESTRING(0 50, 20 50)', 3.4],
  ['a line to a map of the world', 4326, 3857, 'LINESTRING(-10 40, 30 65)', 3.7],
  ['a triangle to a map of the world', 4326, 3857, 'POLYGON((-10 40, 30 40, 10 65, -10 40))', 8.9],
  ['a small polygon near the pole', 3413, 4326, rectangle(-5e3, 1e4, 6e4, 15e3), 139.5],
])('notes the changed shape of %s', async (_name, srid, target, wkt, percent) => {
  const small = srid === 4326 ? 'LINESTRING(10 50, 10.1 50.1)' : 'LINESTRING(400000 6600000, 401000 6601000)';
  const found = (await notesOf(srid, target, small, wkt)).filter(([code]) => code === 'SHAPE_CHANGED');
  expect(found).toEqual([
    [
      'SHAPE_CHANGED',
      expect.stringMatching(/^The transformation moved long edges of 1 of 2 features, .*; feature 2 by [\d.]+ %/),
    ],
  ]);
  const stated = Number(/by ([\d.]+) %(?: or more)?\. To/.exec(found[0]?.[1] ?? '')?.[1]);
  // Courses are taken for parabolas.
  if (percent < 100) expect(Math.abs(stated - percent)).toBeLessThan(percent / 10);
  else expect(stated).toBe(100);
});

test.each([
  ['a square of 100 km', 32632, 4326, rectangle(4e5, 66e5, 5e5, 67e5)],
  ['a meridian', 4326, 3035, 'LINESTRING(10 40, 10 60)'],
  ['meridians and parallels', 3857, 4326, rectangle(-1e6, 5e6, 3e6, 9e6)],
  ['a point', 3413, 4326, 'POINT(1000 1000)'],
  ['an empty line', 3413, 4326, 'LINESTRING EMPTY'],
  ['a line of equal vertices', 32632, 4326, 'LINESTRING(4e5 66e5, 4e5 66e5)'],
])('notes nothing about %s', async (_name, srid, target, wkt) => {
  expect(await notesOf(srid, target, wkt)).toEqual([]);
});
