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

const tables = async () =>
  (
    await session.query<{ tablename: string }>('select tablename from pg_tables where schemaname = $1 order by 1', [
      session.schema,
    ])
  ).map((row) => row.tablename);

describe('the tables of a recipe', () => {
  test('creates processed, keeps raw_data and the tables of the steps, and does not change other columns', async () => {
    await createRawData(session, 27700, [
      'POINT(400000 300000)',
      'POLYGON((400000 300000, 400100 300100, 400100 300000, 400000 300100, 400000 300000))',
    ]);
    const { steps } = await transformRawData(session, 27700);
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
    await createRawData(session, 4326, ['POINT(1 2)', null]);
    const first = await transformRawData(session, 4326, { parameters: { simplify_tolerance: 0 } });
    expect(first.steps.map(({ output }) => output)).toEqual([
      'raw_data',
      'raw_data',
      'raw_data',
      'raw_data',
      'processed',
    ]);
    const second = await transformRawData(session, 4326, { parameters: { simplify_tolerance: 0 } });
    expect(second.rows).toEqual(first.rows);
    expect(second.wkt).toEqual(['POINT(1 2)', null]);
  });

  test('accepts a table without rows', async () => {
    await createRawData(session, 27700, []);
    expect((await transformRawData(session, 27700)).rows).toEqual([]);
  });

  test('rejects a table without the geometry column', async () => {
    await session.query('create table raw_data (sluice_fid bigint, shape geometry)');
    await expect(transformRawData(session, 4326)).rejects.toMatchObject({
      code: 'GEOMETRY_CONTRACT',
      message: 'Table raw_data has shape (geometry). It must have one geometry column, named geom.',
    });
  });
});

describe('ingest_road_network', () => {
  test('keeps lines only, does not merge them, and simplifies less', async () => {
    await createRawData(session, 4326, [
      'LINESTRING(0 0, 0.5 0.000005, 1 0)',
      'MULTILINESTRING((1 0, 2 0), (2 0, 3 0))',
      'POINT(1 1)',
      'POLYGON((0 0, 1 0, 1 1, 0 0))',
      'GEOMETRYCOLLECTION(POINT(1 1), LINESTRING(5 5, 6 6))',
      null,
      'LINESTRING(4 4, 4 4)',
    ]);
    const { wkt, rows, context } = await transformRawData(session, 4326, { intent: 'ingest_road_network' });
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
    await createRawData(session, 4326, ['LINESTRING(0 0, 1 0)']);
    const { steps } = await transformRawData(session, 4326, { intent: 'ingest_road_network' });
    expect(steps.find(({ step }) => step === 'KeepLinear')).toMatchObject({ output: 'raw_data', row_count: null });
  });
});
