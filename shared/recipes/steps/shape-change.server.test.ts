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
  ['a polygon whose signed area is 0', 4326, 3035, 'POLYGON((0 50, 20 60, 20 50, 0 60, 0 50))', 25.2],
  [
    'the polygon of a collection',
    4326,
    3035,
    'GEOMETRYCOLLECTION(POLYGON((0 50, 20 50, 20 60, 0 60, 0 50)), LINESTRING(0 40, 20 40, 20 60), MULTIPOINT(0 1, 20 1))',
    5.5,
  ],
  [
    'the line of a collection',
    4326,
    3035,
    'GEOMETRYCOLLECTION(MULTIPOINT(0 1, 20 1, 9 70), LINESTRING(0 50, 20 50))',
    3.4,
  ],
  ['a sliver of a kilometer', 32632, 4326, rectangle(7e5, 66e5, 701e3, 6600000.25), 17.7],
])('notes the changed shape of %s', async (_name, srid, target, wkt, percent) => {
  const small = srid === 4326 ? 'LINESTRING(10 50, 10.1 50.1)' : 'LINESTRING(400000 6600000, 401000 6601000)';
  const found = (await notesOf(srid, target, small, wkt)).filter(([code]) => code === 'SHAPE_CHANGED');
  expect(found).toEqual([
    [
      'SHAPE_CHANGED',
      expect.stringMatching(/^The transformation moved long edges of 1 of 2 features\. .*; for feature 2, [\d.]+ %/),
    ],
  ]);
  const stated = Number(/for feature \d+, ([\d.]+) %(?: or more)?\. To/.exec(found[0]?.[1] ?? '')?.[1]);
  // Courses are treated as parabolas.
  if (percent < 100) expect(Math.abs(stated - percent)).toBeLessThan(percent / 10);
  else expect(stated).toBe(100);
});

test.each([
  ['a square of 100 km', 32632, 4326, rectangle(4e5, 66e5, 5e5, 67e5)],
  ['a meridian', 4326, 3035, 'LINESTRING(10 40, 10 60)'],
  ['meridians and parallels', 3857, 4326, rectangle(-1e6, 5e6, 3e6, 9e6)],
  [
    'a small polygon that crosses itself',
    27700,
    4326,
    'POLYGON((4e5 3e5, 400100 300100, 400100 3e5, 4e5 300100, 4e5 3e5))',
  ],
  ['a point', 3413, 4326, 'POINT(1000 1000)'],
  [
    'a collection of a small polygon, a meridian and points',
    4326,
    3035,
    'GEOMETRYCOLLECTION(POLYGON((10 50, 10.1 50, 10 50.1, 10 50)), LINESTRING(10 40, 10 60), MULTIPOINT(0 50, 20 50))',
  ],
  ['an empty line', 3413, 4326, 'LINESTRING EMPTY'],
  ['a line of equal vertices', 32632, 4326, 'LINESTRING(4e5 66e5, 4e5 66e5)'],
])('notes nothing about %s', async (_name, srid, target, wkt) => {
  expect(await notesOf(srid, target, wkt)).toEqual([]);
});

test.each([4269, 4258])('notes nothing about a grid of degrees from EPSG:%i to EPSG:4326', async (srid) => {
  const session = await database.open();
  await session.query(
    `create unlogged table raw_data as select (ST_SquareGrid(0.5, ST_MakeEnvelope(-20, 35, 20, 65, ${srid}))).geom`,
  );
  await session.query('alter table raw_data add sluice_fid bigint generated always as identity');
  const { context, notes } = await runRecipeOf(session, { srid, parameters: { target_crs: 'EPSG:4326' } });
  expect(context.targetSrid).toBe(4326);
  expect(notes).toEqual([]);
});

test('counts the features that it does not compare', async () => {
  const session = await database.open();
  await session.query('create unlogged table raw_data (sluice_fid bigint, geom geometry)');
  await session.query(
    `insert into raw_data select n, ST_MakeEnvelope(100000, 6600000 + n * 10, 800000, 6600000 + n * 10 + 5, 32632)
     from generate_series(1, 2003) as n`,
  );
  const { notes } = await runRecipeOf(session, { srid: 32632, parameters: { simplify_tolerance: 0 } });
  expect(notes.map(({ message }) => message)).toEqual([
    expect.stringMatching(
      /^The transformation moved long edges of 2000 of 2003 features\. .* 3 other features with long/,
    ),
  ]);
});

test.each([
  ['latitudes whose product has no double', 'LINESTRING(0 1e-170, 0.1 2e-170)'],
  ['an extent whose square has no double', 'LINESTRING(0 50, 1e-170 70)'],
])('compares a feature with %s', async (_name, wkt) => {
  expect(await notesOf(4326, 3035, wkt)).toEqual([]);
});

test('transforms features that it cannot compare, and notes the reason', async () => {
  // The inverse of the polyconic projection of Brazil has no result in the Aleutian Islands.
  const lines = ['LINESTRING(19915056 6377288, 19916056 6378288)', 'LINESTRING(-5000000 -1000000, -5000100 -1000100)'];
  expect(await notesOf(3857, 5880, ...lines)).toEqual([
    [
      'SHAPES_NOT_COMPARED',
      'The shapes and areas of 2 features were not compared before and after the transformation: ' +
        'transform: Point outside of projection domain (2050). The features are transformed.',
    ],
  ]);
});

/** Polygons along parallels, `distance` degrees of latitude apart. Each is 0.01 degrees high. */
const stripes = (count: number, distance: number) =>
  Array.from({ length: count }, (_, n) => rectangle(0, 40 + n * distance, 20, 40.01 + n * distance));

test('compares a multipolygon of more than 1,000 disjoint polygons', async () => {
  const polygons = stripes(1_001, 0.02).map((wkt) => wkt.slice('POLYGON'.length));
  expect(await notesOf(4326, 3035, `MULTIPOLYGON(${polygons.join()})`)).toContainEqual([
    'SHAPE_CHANGED',
    expect.stringMatching(/^The transformation moved long edges of 1 of 1 features\. .*; for feature 1, 100 %/),
  ]);
});

test('does not compare a large collection of polygons that overlap', async () => {
  const collection = `GEOMETRYCOLLECTION(${stripes(40, 0.005).join()})`;
  expect(await notesOf(4326, 3035, collection)).toContainEqual([
    'SHAPE_CHANGED',
    expect.stringMatching(/^1 other features with long edges were not compared\./),
  ]);
});
