import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { transformInputs } from '../../../tests/fixtures/globe.ts';
import { type RecipeDatabase, recipeDatabase, runRecipeOf } from '../../../tests/recipe-session.ts';
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

describe('the area before and after', () => {
  /** Areas on the globe in km², with edges that are straight in the source and in the target. */
  const areaOf = async (srid: number, wkt: string, target: number) => {
    const equalArea = '+proj=laea +lat_0=50 +lon_0=10 +datum=WGS84';
    const [row] = await session.query<{ before: number; after: number }>(
      `select ST_Area(ST_Transform(ST_Segmentize(ST_GeomFromText($1, $2), $5::float8), $4)) / 1e6 as before,
         ST_Area(ST_Transform(ST_Segmentize(ST_Transform(ST_GeomFromText($1, $2), $3::int), $6::float8), $4)) / 1e6 as after`,
      [wkt, srid, target, equalArea, srid === 4326 ? 0.1 : 10_000, target === 4326 ? 0.1 : 10_000],
    );
    return (row?.after ?? 0) / (row?.before ?? 1) - 1;
  };
  const small = 'POLYGON((0 0, 1 0, 1 1, 0 0))';

  test.each([
    [3035, 4326, 'POLYGON((2600000 4400000, 6100000 4400000, 4300000 4800000, 2600000 4400000))'],
    [4326, 3035, 'POLYGON((-10 55, 40 55, 40 70, -10 70, -10 55))'],
    [3857, 3035, 'POLYGON((-1000000 7500000, 4500000 7500000, 4500000 8000000, -1000000 7500000))'],
  ])('from EPSG:%i to EPSG:%i is noted for a large feature', async (srid, target, native) => {
    const change = await areaOf(srid, native, target);
    expect(Math.abs(change)).toBeGreaterThan(0.011);
    const { notes } = await transformInputs(session, srid, [{ native: small }, { native }], {
      target_crs: `EPSG:${target}`,
    });
    const percent = (change * 100).toFixed(1);
    expect(notes.filter(({ code }) => code === 'AREA_CHANGED')).toEqual([
      {
        code: 'AREA_CHANGED',
        message: `The transformation changed the area of 1 of 2 features by more than 1 %; that of feature 2 by ${percent} %.`,
      },
    ]);
  });

  test.each([
    ['200 polygons after a line', 200, ''],
    ['201 polygons after a line', 201, 'at least '],
  ])('is noted for %s', async (_name, count, atLeast) => {
    await session.query('create unlogged table raw_data (sluice_fid bigint, geom geometry)');
    await session.query(
      `insert into raw_data
       select 0, ST_GeomFromText('LINESTRING(0 6000000, 9000000 6000000)', 3035) union all
       select n, ST_Translate(ST_GeomFromText($1, 3035), n * 10, 0) from generate_series(1, $2::int) as n`,
      ['POLYGON((2600000 4400000, 6100000 4400000, 4300000 4800000, 2600000 4400000))', count],
    );
    const { notes } = await runRecipeOf(session, {
      srid: 3035,
      parameters: { simplify_tolerance: 0, target_crs: 'EPSG:4326' },
    });
    const changed = `The transformation changed the area of ${atLeast}200 of ${count + 1} features by more than 1 %; `;
    expect(notes.filter(({ code }) => code === 'AREA_CHANGED')).toEqual([
      { code: 'AREA_CHANGED', message: expect.stringContaining(changed) as string },
    ]);
  });

  test('is at least the counted one when a polygon of more than 4 MiB follows', async () => {
    await session.query('create unlogged table raw_data (sluice_fid bigint, geom geometry)');
    await session.query(
      `insert into raw_data
       select 1, ST_GeomFromText($1, 3035) union all
       select 2, ST_MakePolygon(ST_ExteriorRing(ST_MakeEnvelope(4000000, 3000000, 4700000, 3500000, 3035)),
         array[ST_ExteriorRing(ST_SetSRID(ST_Buffer(ST_MakePoint(4300000, 3200000), 1000, 75000), 3035))])`,
      ['POLYGON((2600000 4400000, 6100000 4400000, 4300000 4800000, 2600000 4400000))'],
    );
    const { notes } = await runRecipeOf(session, {
      srid: 3035,
      parameters: { simplify_tolerance: 0, target_crs: 'EPSG:4326' },
    });
    expect(notes.filter(({ code }) => code === 'AREA_CHANGED')).toEqual([
      { code: 'AREA_CHANGED', message: expect.stringContaining(' the area of at least 1 of 2 features ') as string },
    ]);
  });

  test('is equal for edges that are straight in both, and for lines', async () => {
    const inputs = ['POLYGON((-10 0, 60 0, 60 60, -10 60, -10 0))', 'LINESTRING(0 0, 60 60)', small];
    const { notes } = await transformInputs(
      session,
      4326,
      inputs.map((native) => ({ native })),
      { target_crs: 'EPSG:3857' },
    );
    expect(notes.filter(({ code }) => code === 'AREA_CHANGED')).toEqual([]);
  });
});
