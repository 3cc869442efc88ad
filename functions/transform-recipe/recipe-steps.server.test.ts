import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createRawData, type RecipeDatabase, recipeDatabase, transformRawData } from '../../tests/recipe-session.ts';
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

/** The steps of the default recipe. */

describe('NormalizeCRS', () => {
  test('transforms to EPSG:4326, x first, and keeps Z', async () => {
    await createRawData(session, 27700, ['POINT Z(530000 180000 12)']);
    const { rows } = await transformRawData(session, 27700);
    expect(rows[0]).toMatchObject({
      srid: 4326,
      wkt: expect.stringMatching(/^POINT Z \(-0\.12\d* 51\.50\d* 1[12]/) as string,
    });
  });

  test('transforms to the requested CRS, with a tolerance in its unit', async () => {
    await createRawData(session, 4326, ['LINESTRING(13 52, 13.000001 52.000004, 13.1 52)']);
    const { rows, context, wkt } = await transformRawData(session, 4326, { parameters: { target_crs: 'EPSG:25833' } });
    expect(context.parameters).toEqual({ target_crs: 'EPSG:25833', simplify_tolerance: 1 });
    expect(rows[0]?.srid).toBe(25833);
    expect(wkt[0]?.split(',').length).toBe(2);
  });

  test('converts curves to lines and TINs to polygons, and removes M', async () => {
    await createRawData(session, 4326, [
      'CIRCULARSTRING(0 0, 1 1, 2 0)',
      'POINT M(1 2 3)',
      'POINT ZM(1 2 3 4)',
      'TIN Z(((0 0 0, 0 1 0, 1 0 0, 0 0 0)))',
      'MULTISURFACE(((5 5, 6 5, 6 6, 5 5)))',
      'CURVEPOLYGON(CIRCULARSTRING(0 0, 4 0, 4 4, 0 4, 0 0))',
      'GEOMETRYCOLLECTION Z(TIN Z(((0 0 0, 0 1 0, 1 0 0, 0 0 0)), ((0 1 0, 1 1 0, 1 0 0, 0 1 0))))',
    ]);
    const { wkt, context } = await transformRawData(session, 4326);
    expect(wkt.map((text) => text?.slice(0, text.indexOf('(')))).toEqual([
      'LINESTRING',
      'POINT',
      'POINT Z ',
      'MULTIPOLYGON Z ',
      'MULTIPOLYGON',
      'POLYGON',
      'MULTIPOLYGON Z ',
    ]);
    expect(context.notes).toEqual([
      {
        code: 'CURVES_CONVERTED',
        message: 'Arcs of 2 features are stored as lines, with 32 segments for a quarter of a circle.',
      },
      { code: 'SURFACES_CONVERTED', message: 'Surfaces of 2 features are stored as polygons, one for each face.' },
      {
        code: 'MEASURES_REMOVED',
        message: 'M values of 2 features were removed, because an asset cannot store them.',
      },
    ]);
    expect(wkt[2]).toBe('POINT Z (1 2 3)');
    expect(wkt[0]?.split(',').length).toBeGreaterThan(10);
  });

  test('names the features that cannot be transformed', async () => {
    await createRawData(session, 4326, ['POINT(0 0)', 'POINT(0 91)', 'POINT(10 -95)']);
    await expect(transformRawData(session, 4326, { parameters: { target_crs: 'EPSG:3857' } })).rejects.toMatchObject({
      code: 'CRS_TRANSFORM_FAILED',
      message: 'Feature 2 (and 3), counted from 1, cannot be transformed: transform: Invalid coordinate (2049).',
      details: { features: [{ feature: 2 }, { feature: 3 }] },
    });
  });

  test('rejects parameters by name', async () => {
    await createRawData(session, 4326, ['POINT(0 0)']);
    await expect(transformRawData(session, 4326, { parameters: { target_crs: 'EPSG:999999' } })).rejects.toMatchObject({
      code: 'RECIPE_INVALID',
      message: expect.stringContaining('metadata.recipe.target_crs') as string,
    });
    await expect(transformRawData(session, 4326, { parameters: { target_crs: 'EPSG:4978' } })).rejects.toMatchObject({
      code: 'RECIPE_INVALID',
      message:
        'metadata.recipe.target_crs: EPSG:4978 is a geocentric coordinate reference system. Choose a geographic or projected one, such as EPSG:4326.',
    });
    await expect(transformRawData(session, 4326, { parameters: { target_crs: 'EPSG:5773' } })).rejects.toMatchObject({
      code: 'RECIPE_INVALID',
      message: 'metadata.recipe.target_crs: EPSG:5773 is not a coordinate reference system that PostGIS supports.',
    });
    await expect(transformRawData(session, 4326, { parameters: { simplify_tolerance: 5 } })).rejects.toMatchObject({
      code: 'RECIPE_INVALID',
      message: expect.stringContaining('metadata.recipe.simplify_tolerance') as string,
    });
    await expect(transformRawData(session, 4326, { parameters: { tolerance: 5 } })).rejects.toMatchObject({
      code: 'RECIPE_INVALID',
      message: expect.stringContaining('tolerance') as string,
    });
  });
});

describe('MakeValid', () => {
  test('repairs invalid geometries, keeps their dimension and multi type, and counts them', async () => {
    await createRawData(session, 4326, [
      'POLYGON((0 0, 2 2, 2 0, 0 2, 0 0))',
      'MULTIPOLYGON(((0 0, 1 0, 1 1, 0 0)))',
      'MULTIPOLYGON(((0 0, 4 0, 4 4, 0 4, 0 0)), ((1 1, 2 1, 2 2, 1 2, 1 1)))',
      null,
      'POLYGON EMPTY',
      'POLYGON((0 0, 4 0, 4 4, 2 4, 2 9, 2 4, 0 4, 0 0))',
    ]);
    const { wkt, counts } = await transformRawData(session, 4326);
    expect(counts.repaired_geometries).toBe(3);
    expect(wkt.map((text) => text?.replace(/\(.*/, ''))).toEqual([
      'MULTIPOLYGON',
      'MULTIPOLYGON',
      'MULTIPOLYGON',
      undefined,
      'POLYGON EMPTY',
      'POLYGON',
    ]);
    expect(await session.query('select count(*)::int as invalid from processed where not ST_IsValid(geom)')).toEqual([
      { invalid: 0 },
    ]);
  });

  test('keeps the lines of a polygon without area', async () => {
    await createRawData(session, 4326, ['POLYGON((0 0, 1 1, 2 2, 0 0))', 'LINESTRING(1 1, 1 1)']);
    expect((await transformRawData(session, 4326)).wkt).toEqual(['MULTILINESTRING((0 0,1 1),(1 1,2 2))', 'POINT(1 1)']);
  });

  test('rejects coordinates that are not numbers, and names the feature', async () => {
    await createRawData(session, 4326, ['POINT(0 0)', 'LINESTRING(NaN 1, 2 2)']);
    await session.query(`insert into raw_data values (3, 1, ST_SetSRID(ST_MakePoint('Infinity', 1), 4326))`);
    await expect(transformRawData(session, 4326)).rejects.toMatchObject({
      code: 'GEOMETRY_INVALID',
      details: { features: [{ feature: 2 }, { feature: 3 }] },
    });
  });
});

describe('SimplifyGeometry', () => {
  test('removes only vertices within the tolerance', async () => {
    await createRawData(session, 4326, [
      'LINESTRING Z(0 0 1, 0.5 0.000001 2, 1 0 3)',
      'POINT(1 2)',
      'POLYGON((0 0, 0 0.000001, 0.000001 0.000001, 0 0))',
      'LINESTRING(0 0, 0.000001 0)',
      'MULTIPOLYGON(((0 0, 0.5 0.000001, 1 0, 1 1, 0 0)))',
      'MULTIPOINT((0 0), (0.000001 0))',
      'GEOMETRYCOLLECTION(POINT(1 1), LINESTRING(0 0, 0.5 0.000001, 1 0))',
      null,
      'LINESTRING EMPTY',
    ]);
    expect((await transformRawData(session, 4326)).wkt).toEqual([
      'LINESTRING Z (0 0 1,1 0 3)',
      'POINT(1 2)',
      'POLYGON((0 0,0 0.000001,0.000001 0.000001,0 0))',
      'LINESTRING(0 0,0.000001 0)',
      'MULTIPOLYGON(((0 0,1 0,1 1,0 0)))',
      'MULTIPOINT((0 0),(0.000001 0))',
      'GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 0))',
      null,
      'LINESTRING EMPTY',
    ]);
  });

  test('is off at 0', async () => {
    await createRawData(session, 4326, ['LINESTRING(0 0, 0.5 0.000001, 1 0)']);
    expect((await transformRawData(session, 4326, { parameters: { simplify_tolerance: 0 } })).wkt).toEqual([
      'LINESTRING(0 0,0.5 0.000001,1 0)',
    ]);
  });

  test('never creates an invalid polygon', async () => {
    const rings = Array.from({ length: 60 }, (_, n) => {
      const points = Array.from(
        { length: 40 },
        (_, k) =>
          `${(Math.cos((k / 40) * 2 * Math.PI) * (1 + (((k * 37 + n * 11) % 17) / 17) * 0.9)).toFixed(4)} ${(Math.sin((k / 40) * 2 * Math.PI) * (1 + (((k * 13 + n * 7) % 19) / 19) * 0.9)).toFixed(4)}`,
      );
      return `POLYGON((${[...points, points[0]].join(', ')}))`;
    });
    await createRawData(session, 4326, rings);
    await transformRawData(session, 4326, { parameters: { simplify_tolerance: 0.9 } });
    expect(
      await session.query(
        'select count(*)::int as n, (count(*) filter (where ST_IsValid(geom) and not ST_IsEmpty(geom)))::int as valid from processed',
      ),
    ).toEqual([{ n: 60, valid: 60 }]);
  });
});

test('QuantizeCoordinates keeps the requested decimals', async () => {
  await createRawData(session, 4326, ['POINT(13.123456789 52.987654321)']);
  expect(
    (await transformRawData(session, 4326, { parameters: { coordinate_precision: 3 } })).context.parameters,
  ).toMatchObject({
    coordinate_precision: 3,
  });
  const [point] = await session.query<{ x: number }>('select ST_X(geom) as x from processed');
  expect(point?.x).not.toBe(13.123456789);
  expect(point?.x).toBeCloseTo(13.123, 3);
});
