import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type RecipeDatabase, recipeDatabase, runRecipeOf } from '../../tests/recipe-session.ts';
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

/** Creates raw_data with awkward column names and these geometries (EWKT without SRID, or null). */
async function rawData(srid: number, geometries: (string | null)[]): Promise<void> {
  await session.query(
    'create unlogged table raw_data (sluice_fid bigint, "größe %s" numeric(10,2), geom geometry, "select" text[])',
  );
  for (const [index, wkt] of geometries.entries()) {
    await session.query('insert into raw_data values ($1, $2, ST_SetSRID(ST_GeomFromText($3), $4::int), $5)', [
      index + 1,
      index + 0.25,
      wkt,
      srid,
      ['é'],
    ]);
  }
}

async function transform(srid: number, options: { intent?: string; parameters?: Record<string, unknown> } = {}) {
  const result = await runRecipeOf(session, { ...options, srid });
  const rows = await session.query<{ fid: string; wkt: string | null; srid: number }>(
    'select sluice_fid as fid, ST_AsText(geom, 6) as wkt, ST_SRID(geom) as srid from processed order by sluice_fid',
  );
  return { ...result, rows, wkt: rows.map((row) => row.wkt) };
}

const tables = async () =>
  (
    await session.query<{ tablename: string }>('select tablename from pg_tables where schemaname = $1 order by 1', [
      session.schema,
    ])
  ).map((row) => row.tablename);

describe('the tables of a recipe', () => {
  test('creates processed, keeps raw_data and the tables of the steps, and does not change other columns', async () => {
    await rawData(27700, [
      'POINT(400000 300000)',
      'POLYGON((400000 300000, 400100 300100, 400100 300000, 400000 300100, 400000 300000))',
    ]);
    const { steps } = await transform(27700);
    expect(steps.map(({ step, output, row_count }) => [step, output, row_count])).toEqual([
      ['NormalizeCRS', 'step_0', 2],
      ['MakeValid', 'step_1', 2],
      ['SimplifyGeometry', 'processed', 2],
      ['QuantizeCoordinates', 'processed', null],
      ['CreateSpatialIndex', 'processed', null],
    ]);
    expect(await tables()).toEqual([
      'processed',
      'raw_data',
      'sluice_fence',
      'step_0',
      'step_0_findings',
      'step_1',
      'step_1_findings',
      'step_2_findings',
    ]);
    expect(
      await session.query(
        'select "größe %s" as n, "select" as s, pg_typeof("größe %s")::text as type from processed order by sluice_fid',
      ),
    ).toEqual([
      { n: '0.25', s: ['é'], type: 'numeric' },
      { n: '1.25', s: ['é'], type: 'numeric' },
    ]);
    const [index] = await session.query<{ indexdef: string }>(
      `select indexdef from pg_indexes where tablename = 'processed'`,
    );
    expect(index?.indexdef).toContain('USING gist (geom)');
    expect(
      await session.query(
        `select distinct relpersistence from pg_class where relkind = 'r' and relnamespace = $1::regnamespace and relname ~ '^(step|processed)'`,
        [session.schema],
      ),
    ).toEqual([{ relpersistence: 'u' }]);
  });

  test('writes no table for a step that has nothing to do, and returns the same result when repeated', async () => {
    await rawData(4326, ['POINT(1 2)', null]);
    const first = await transform(4326, { parameters: { simplify_tolerance: 0 } });
    expect(first.steps.map(({ output }) => output)).toEqual([
      'raw_data',
      'raw_data',
      'raw_data',
      'raw_data',
      'processed',
    ]);
    const second = await transform(4326, { parameters: { simplify_tolerance: 0 } });
    expect(second.rows).toEqual(first.rows);
    expect(second.wkt).toEqual(['POINT(1 2)', null]);
  });

  test('accepts a table without rows', async () => {
    await rawData(27700, []);
    expect((await transform(27700)).rows).toEqual([]);
  });

  test('rejects a table without the geometry column', async () => {
    await session.query('create table raw_data (sluice_fid bigint, shape geometry)');
    await expect(transform(4326)).rejects.toMatchObject({
      code: 'GEOMETRY_CONTRACT',
      message: 'Table raw_data has shape (geometry). It must have one geometry column, named geom.',
    });
  });
});

describe('NormalizeCRS', () => {
  test('transforms to EPSG:4326, x first, and keeps Z', async () => {
    await rawData(27700, ['POINT Z(530000 180000 12)']);
    const { rows } = await transform(27700);
    expect(rows[0]).toMatchObject({
      srid: 4326,
      wkt: expect.stringMatching(/^POINT Z \(-0\.12\d* 51\.50\d* 1[12]/) as string,
    });
  });

  test('transforms to the requested CRS, with a tolerance in its unit', async () => {
    await rawData(4326, ['LINESTRING(13 52, 13.000001 52.000004, 13.1 52)']);
    const { rows, context, wkt } = await transform(4326, { parameters: { target_crs: 'EPSG:25833' } });
    expect(context.parameters).toEqual({ target_crs: 'EPSG:25833', simplify_tolerance: 1 });
    expect(rows[0]?.srid).toBe(25833);
    expect(wkt[0]?.split(',').length).toBe(2);
  });

  test('converts curves to lines and TINs to polygons, and removes M', async () => {
    await rawData(4326, [
      'CIRCULARSTRING(0 0, 1 1, 2 0)',
      'POINT M(1 2 3)',
      'POINT ZM(1 2 3 4)',
      'TIN Z(((0 0 0, 0 1 0, 1 0 0, 0 0 0)))',
      'MULTISURFACE(((5 5, 6 5, 6 6, 5 5)))',
      'CURVEPOLYGON(CIRCULARSTRING(0 0, 4 0, 4 4, 0 4, 0 0))',
      'GEOMETRYCOLLECTION Z(TIN Z(((0 0 0, 0 1 0, 1 0 0, 0 0 0)), ((0 1 0, 1 1 0, 1 0 0, 0 1 0))))',
    ]);
    const { wkt, context } = await transform(4326);
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
    await rawData(4326, ['POINT(0 0)', 'POINT(0 91)', 'POINT(10 -95)']);
    await expect(transform(4326, { parameters: { target_crs: 'EPSG:3857' } })).rejects.toMatchObject({
      code: 'CRS_TRANSFORM_FAILED',
      message: 'Feature 2 (and 3), counted from 1, cannot be transformed: transform: Invalid coordinate (2049).',
      details: { features: [{ feature: 2 }, { feature: 3 }] },
    });
  });

  test('rejects parameters by name', async () => {
    await rawData(4326, ['POINT(0 0)']);
    await expect(transform(4326, { parameters: { target_crs: 'EPSG:999999' } })).rejects.toMatchObject({
      code: 'RECIPE_INVALID',
      message: expect.stringContaining('metadata.recipe.target_crs') as string,
    });
    await expect(transform(4326, { parameters: { target_crs: 'EPSG:4978' } })).rejects.toMatchObject({
      code: 'RECIPE_INVALID',
      message:
        'metadata.recipe.target_crs: EPSG:4978 is a geocentric coordinate reference system. Choose a geographic or projected one, such as EPSG:4326.',
    });
    await expect(transform(4326, { parameters: { target_crs: 'EPSG:5773' } })).rejects.toMatchObject({
      code: 'RECIPE_INVALID',
      message: 'metadata.recipe.target_crs: EPSG:5773 is not a coordinate reference system that PostGIS supports.',
    });
    await expect(transform(4326, { parameters: { simplify_tolerance: 5 } })).rejects.toMatchObject({
      code: 'RECIPE_INVALID',
      message: expect.stringContaining('metadata.recipe.simplify_tolerance') as string,
    });
    await expect(transform(4326, { parameters: { tolerance: 5 } })).rejects.toMatchObject({
      code: 'RECIPE_INVALID',
      message: expect.stringContaining('tolerance') as string,
    });
  });
});

describe('MakeValid', () => {
  test('repairs invalid geometries, keeps their dimension and multi type, and counts them', async () => {
    await rawData(4326, [
      'POLYGON((0 0, 2 2, 2 0, 0 2, 0 0))',
      'MULTIPOLYGON(((0 0, 1 0, 1 1, 0 0)))',
      'MULTIPOLYGON(((0 0, 4 0, 4 4, 0 4, 0 0)), ((1 1, 2 1, 2 2, 1 2, 1 1)))',
      null,
      'POLYGON EMPTY',
      'POLYGON((0 0, 4 0, 4 4, 2 4, 2 9, 2 4, 0 4, 0 0))',
    ]);
    const { wkt, counts } = await transform(4326);
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
    await rawData(4326, ['POLYGON((0 0, 1 1, 2 2, 0 0))', 'LINESTRING(1 1, 1 1)']);
    expect((await transform(4326)).wkt).toEqual(['MULTILINESTRING((0 0,1 1),(1 1,2 2))', 'POINT(1 1)']);
  });

  test('rejects coordinates that are not numbers, and names the feature', async () => {
    await rawData(4326, ['POINT(0 0)', 'LINESTRING(NaN 1, 2 2)']);
    await session.query(`insert into raw_data values (3, 1, ST_SetSRID(ST_MakePoint('Infinity', 1), 4326))`);
    await expect(transform(4326)).rejects.toMatchObject({
      code: 'GEOMETRY_INVALID',
      details: { features: [{ feature: 2 }, { feature: 3 }] },
    });
  });
});

describe('SimplifyGeometry', () => {
  test('removes only vertices within the tolerance', async () => {
    await rawData(4326, [
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
    expect((await transform(4326)).wkt).toEqual([
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
    await rawData(4326, ['LINESTRING(0 0, 0.5 0.000001, 1 0)']);
    expect((await transform(4326, { parameters: { simplify_tolerance: 0 } })).wkt).toEqual([
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
    await rawData(4326, rings);
    await transform(4326, { parameters: { simplify_tolerance: 0.9 } });
    expect(
      await session.query(
        'select count(*)::int as n, (count(*) filter (where ST_IsValid(geom) and not ST_IsEmpty(geom)))::int as valid from processed',
      ),
    ).toEqual([{ n: 60, valid: 60 }]);
  });
});

test('QuantizeCoordinates keeps the requested decimals', async () => {
  await rawData(4326, ['POINT(13.123456789 52.987654321)']);
  expect((await transform(4326, { parameters: { coordinate_precision: 3 } })).context.parameters).toMatchObject({
    coordinate_precision: 3,
  });
  const [point] = await session.query<{ x: number }>('select ST_X(geom) as x from processed');
  expect(point?.x).not.toBe(13.123456789);
  expect(point?.x).toBeCloseTo(13.123, 3);
});

describe('ingest_road_network', () => {
  test('keeps lines only, does not merge them, and simplifies less', async () => {
    await rawData(4326, [
      'LINESTRING(0 0, 0.5 0.000005, 1 0)',
      'MULTILINESTRING((1 0, 2 0), (2 0, 3 0))',
      'POINT(1 1)',
      'POLYGON((0 0, 1 0, 1 1, 0 0))',
      'GEOMETRYCOLLECTION(POINT(1 1), LINESTRING(5 5, 6 6))',
      null,
      'LINESTRING(4 4, 4 4)',
    ]);
    const { wkt, rows, context } = await transform(4326, { intent: 'ingest_road_network' });
    expect(context.parameters.simplify_tolerance).toBe(0.000001);
    expect(rows.map(({ fid }) => fid)).toEqual(['1', '2', '5', '6']);
    expect(wkt).toEqual([
      'LINESTRING(0 0,0.5 0.000005,1 0)',
      'MULTILINESTRING((1 0,2 0),(2 0,3 0))',
      'MULTILINESTRING((5 5,6 6))',
      null,
    ]);
  });

  test('writes no table when all features are lines', async () => {
    await rawData(4326, ['LINESTRING(0 0, 1 0)']);
    const { steps } = await transform(4326, { intent: 'ingest_road_network' });
    expect(steps.find(({ step }) => step === 'KeepLinear')).toMatchObject({ output: 'raw_data', row_count: null });
  });
});
