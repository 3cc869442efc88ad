import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { expectOnGlobe, polarSquare, transformInputs } from '../../../tests/fixtures/globe.ts';
import { type RecipeDatabase, recipeDatabase } from '../../../tests/recipe-session.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';

let database: RecipeDatabase;
let session: PostgisSession;
beforeAll(async () => {
  database = await recipeDatabase();
});
afterAll(() => database.stop());
beforeEach(async () => {
  session = await database.open();
});

test.each([
  [3031, -90],
  [3413, 90],
  [3575, 90],
  [3996, 90],
  [3035, 90],
])('keeps what holds or touches the pole of EPSG:%i', async (srid, pole) => {
  const [at] = await session.query<{ x: number; y: number }>(
    `select ST_X(p) as x, ST_Y(p) as y
       from (select ST_Transform(ST_SetSRID(ST_MakePoint(0, $1::int), 4326), $2::int) as p) as t`,
    [pole, srid],
  );
  const { x, y } = at ?? { x: 0, y: 0 };
  const shapes = [
    `POLYGON(${polarSquare(x, y, 500_000)})`,
    `POLYGON(${polarSquare(x, y, 500_000)}, ${polarSquare(x, y, 100_000)})`,
    `POLYGON(${polarSquare(x, y, 500_000)}, ${polarSquare(x + 200_000, y, 100_000)}, ${polarSquare(x - 200_000, y - 200_000, 50_000)})`,
    `POLYGON(${polarSquare(x + 1000, y + 300, 2000)})`,
    // A corner and a border at the pole.
    `POLYGON((${x} ${y}, ${x + 100_000} ${y}, ${x + 100_000} ${y + 100_000}, ${x} ${y + 100_000}, ${x} ${y}))`,
    `POLYGON(${polarSquare(x + 100_000, y, 100_000)})`,
    `MULTIPOLYGON((${polarSquare(x, y, 1000)}), (${polarSquare(x + 10_000, y, 1000)}))`,
    `LINESTRING(${x - 100_000} ${y}, ${x + 100_000} ${y})`,
  ];
  const { rows, notes, counts } = await transformInputs(
    session,
    srid,
    shapes.map((native) => ({ native })),
  );
  await expectOnGlobe(session);
  const expected = [1e6, 0.96e6, 0.95e6, 16, 1e4, 4e4, 8];
  for (const [index, km2] of expected.entries()) {
    // The projections are equal-area, or true to scale near the pole, within 7 %.
    expect(Math.abs((rows[index]?.km2 ?? 0) / km2 - 1)).toBeLessThan(0.08);
  }
  // The pole is in the hole of the second shape.
  const withPole = [0, 2, 3, 4, 5, 6].map((index) => rows[index]);
  expect(withPole.map((row) => (pole > 0 ? row?.north : row?.south))).toEqual(Array(6).fill(pole));
  expect(rows[7]?.wkt).toMatch(/LINESTRING/);
  expect(counts.split_geometries).toBeGreaterThan(5);
  // The fifth shape can remain whole. Its edges, of 100 km at the pole, are then other lines in degrees.
  const changed = notes.filter(({ code }) => code === 'AREA_CHANGED').map(({ message }) => message);
  expect(changed.filter((message) => !/of 1 of 8 features .* that of feature 5 by/.test(message))).toEqual([]);
});

test('names the features around a pole in the note', async () => {
  const { notes, rows } = await transformInputs(session, 3031, [
    { native: `POLYGON(${polarSquare(0, 0, 1000)})` },
    { native: `POLYGON(${polarSquare(5000, 5000, 1000)})` },
  ]);
  expect(notes.map(({ code }) => code)).toEqual(['GEOMETRIES_SPLIT', 'SHAPE_CHANGED']);
  expect(notes.map(({ message }) => message).slice(0, 1)).toEqual([
    'Divided 1 of 2 features at longitude 180, because they cross it or reach a pole. ' +
      'One of them reaches a pole; its border follows longitudes -180 and 180 to latitude 90 or -90.',
  ]);
  expect(rows[0]).toMatchObject({ west: -180, east: 180, south: -90, valid: true });
});
