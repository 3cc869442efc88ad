import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createParcels, type RecipeDatabase, recipeDatabase, runSteps } from '../../../tests/recipe-session.ts';
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

describe('explode', () => {
  test('creates a feature from each part, with all attributes and a new number', async () => {
    await createParcels(session, [
      ['MULTIPOINT((1 1), (2 2))', 'a', 1],
      ['POINT(3 3)', 'b', 2],
      [null, 'c', 3],
      ['MULTIPOINT EMPTY', 'd', 4],
      ['GEOMETRYCOLLECTION(MULTIPOINT((5 5), (6 6)), LINESTRING(0 0, 1 1))', 'e', 5],
    ]);
    const { rows, notes } = await runSteps(session, [{ step: 'explode' }]);
    expect(rows.map((row) => [row['sluice_fid'], row['select'], row['geom']])).toEqual([
      [1, 'a', 'POINT(1 1)'],
      [2, 'a', 'POINT(2 2)'],
      [3, 'b', 'POINT(3 3)'],
      [4, 'c', null],
      [5, 'd', 'MULTIPOINT EMPTY'],
      [6, 'e', 'POINT(5 5)'],
      [7, 'e', 'POINT(6 6)'],
      [8, 'e', 'LINESTRING(0 0,1 1)'],
    ]);
    expect(notes).toEqual([
      { code: 'FEATURES_SPLIT', message: 'Split 3 features with several parts: 5 features became 8.' },
    ]);
  });

  test('writes no table when there is nothing to split', async () => {
    await createParcels(session, [['POINT(3 3)', 'b', 2]]);
    const { steps } = await runSteps(session, [{ step: 'explode' }]);
    expect(steps.find(({ step }) => step === 'explode')).toMatchObject({ output: 'raw_data', row_count: null });
  });
});

describe('dissolve', () => {
  const square = (x: number) => `POLYGON((${x} 0, ${x + 1} 0, ${x + 1} 1, ${x} 1, ${x} 0))`;

  test('unites the features of a group, and aggregates their values', async () => {
    await createParcels(session, [
      [square(0), 'nord', 1.5, '2025-01-01'],
      [square(5), null, 4],
      [square(1), 'nord', 2.25, '2024-01-01'],
      [null, 'leer', null],
      [square(7), null, 1],
    ]);
    const aggregates = [
      { function: 'count', as: 'n' },
      { column: 'Größe %s', function: 'count', as: 'known' },
      { column: 'Größe %s', function: 'sum', as: 'total' },
      { column: 'Größe %s', function: 'mean', as: 'mean' },
      { column: 'day', function: 'min', as: 'first_day' },
      { column: 'select', function: 'max', as: 'name' },
      { column: 'built', function: 'first', as: 'built' },
    ];
    const { rows, notes, context } = await runSteps(session, [{ step: 'dissolve', by: ['select'], aggregates }]);
    expect(rows).toEqual([
      {
        sluice_fid: 1,
        select: 'nord',
        n: 2,
        known: 2,
        total: 3.75,
        mean: 1.875,
        first_day: '2024-01-01',
        name: 'nord',
        built: true,
        geom: 'POLYGON((0 0,0 1,1 1,2 1,2 0,1 0,0 0))',
      },
      {
        sluice_fid: 2,
        select: null,
        n: 2,
        known: 2,
        total: 5,
        mean: 2.5,
        first_day: null,
        name: null,
        built: false,
        geom: 'MULTIPOLYGON(((7 0,7 1,8 1,8 0,7 0)),((5 0,5 1,6 1,6 0,5 0)))',
      },
      {
        sluice_fid: 4,
        select: 'leer',
        n: 1,
        known: 0,
        total: null,
        mean: null,
        first_day: null,
        name: 'leer',
        built: false,
        geom: null,
      },
    ]);
    expect(notes).toEqual([{ code: 'FEATURES_MERGED', message: 'Merged 5 features into 3.' }]);
    expect(context.parameters.steps).toMatchObject([{ step: 'dissolve', by: ['select'] }]);
  });

  test('without columns to group by, merges all features into one; an empty table stays empty', async () => {
    await createParcels(session, [
      [square(0), 'a', 1],
      [square(1), 'b', 2],
      ['GEOMETRYCOLLECTION(POINT(9 9), POLYGON((0 0, 1 0, 1 1, 0 0)))', 'c', 3],
    ]);
    expect((await runSteps(session, [{ step: 'dissolve' }])).rows).toEqual([
      { sluice_fid: 1, geom: 'GEOMETRYCOLLECTION(POLYGON((0 0,0 1,1 1,2 1,2 0,1 0,0 0)),POINT(9 9))' },
    ]);
    await session.query('truncate raw_data');
    expect((await runSteps(session, [{ step: 'dissolve' }])).rows).toEqual([]);
  });
});

describe('collect', () => {
  test('collects points and lines, and unites polygons that a multipolygon cannot contain', async () => {
    await createParcels(session, [
      ['LINESTRING(0 0, 1 0)', 'line', 1],
      ['MULTILINESTRING((1 0, 2 0))', 'line', 2],
      ['POINT(0 0)', 'point', 3],
      ['POLYGON((0 0, 1 0, 1 1, 0 1, 0 0))', 'touching', 4],
      ['POLYGON((1 0, 2 0, 2 1, 1 1, 1 0))', 'touching', 5],
      ['POLYGON((5 5, 6 5, 6 6, 5 5))', 'apart', 6],
      ['POLYGON((8 8, 9 8, 9 9, 8 8))', 'apart', 7],
    ]);
    const { rows } = await runSteps(session, [
      { step: 'collect', by: ['select'], aggregates: [{ column: 'Größe %s', function: 'sum', as: 'sum' }] },
    ]);
    expect(rows.map((row) => [row['select'], row['sum'], row['geom']])).toEqual([
      ['line', 3, 'MULTILINESTRING((1 0,2 0),(0 0,1 0))'],
      ['point', 3, 'MULTIPOINT((0 0))'],
      ['touching', 9, 'MULTIPOLYGON(((0 0,0 1,1 1,2 1,2 0,1 0,0 0)))'],
      ['apart', 13, 'MULTIPOLYGON(((8 8,9 9,9 8,8 8)),((5 5,6 6,6 5,5 5)))'],
    ]);
  });
});
