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

const fids = (rows: Record<string, unknown>[]) => rows.map((row) => row['sluice_fid']);
const shapes = (rows: Record<string, unknown>[]) => rows.map((row) => row['geom']);

describe('filter', () => {
  beforeEach(() =>
    createParcels(session, [
      ['POINT(1 1)', "Châtelet's", 1.5, '2025-01-31'],
      ['POINT(2 2)', '100 % \\ "süd"', 2, '2025-02-01'],
      ['POINT(3 3)', null, null],
      [null, 'nord_ost', 40, null],
    ]),
  );

  test.each([
    [[{ column: 'select', op: '=', value: "Châtelet's" }], [1]],
    [[{ column: 'select', op: '!=', value: "Châtelet's" }], [2, 4]],
    [[{ column: 'select', op: 'is_null' }], [3]],
    [
      [
        { column: 'select', op: 'is_not_null' },
        { column: 'Größe %s', op: '>', value: 1.5 },
      ],
      [2, 4],
    ],
    [[{ column: 'Größe %s', op: 'in', value: [1.5, 40] }], [1, 4]],
    [[{ column: 'Größe %s', op: 'not_in', value: [1.5, '40'] }], [2]],
    [[{ column: 'select', op: 'contains', value: '%' }], [2]],
    [[{ column: 'select', op: 'contains', value: '_' }], [4]],
    [[{ column: 'select', op: 'starts_with', value: '100 % \\' }], [2]],
    [[{ column: 'select', op: 'ends_with', value: 'süd"' }], [2]],
    [[{ column: 'day', op: '>=', value: '2025-02-01' }], [2]],
    [[{ column: 'built', op: '=', value: true }], [1, 3]],
    [[{ column: 'tags', op: 'is_not_null' }], [1, 2, 3, 4]],
    [[{ column: 'select', op: '=', value: "'; drop table raw_data; --" }], []],
  ])('all of %j', async (all, expected) => {
    const { rows } = await runSteps(session, [{ step: 'filter', all }]);
    expect(fids(rows)).toEqual(expected);
  });

  test('any of several conditions, combined with all of others', async () => {
    const any = [
      { column: 'select', op: 'is_null' },
      { column: 'day', op: '<', value: '2025-02-01' },
    ];
    expect(fids((await runSteps(session, [{ step: 'filter', any }])).rows)).toEqual([1, 3]);
    const { rows, notes } = await runSteps(session, [
      { step: 'filter', any, all: [{ column: 'Größe %s', op: '<', value: 40 }] },
    ]);
    expect(fids(rows)).toEqual([1]);
    expect(notes).toEqual([
      {
        code: 'FEATURES_FILTERED',
        message: 'The filter removed 3 of 4 features.',
      },
    ]);
  });

  test('has no note when all features stay', async () => {
    expect((await runSteps(session, [{ step: 'filter', all: [{ column: 'tags', op: 'is_not_null' }] }])).notes).toEqual(
      [],
    );
  });
});

describe('clip', () => {
  const box = { step: 'clip', bounds: [0, 0, 10, 10] };

  test('cuts features that cross the edge, and removes those that are outside or only touch it', async () => {
    await createParcels(session, [
      ['POLYGON((5 5, 15 5, 15 8, 5 8, 5 5))', 'crosses', 1],
      ['POLYGON((1 1, 2 1, 2 2, 1 1))', 'inside', 2],
      ['POLYGON((10 0, 12 0, 12 5, 10 5, 10 0))', 'touches', 3],
      ['POINT(20 20)', 'outside', 4],
      ['POINT(10 10)', 'corner', 5],
      [null, 'null', 6],
      ['MULTILINESTRING((-1 1, 5 1), (-1 20, 5 20))', 'lines', 7],
      ['GEOMETRYCOLLECTION(POINT(20 20), POINT(1 1), LINESTRING(9 9, 11 9))', 'mixed', 8],
      ['GEOMETRYCOLLECTION(POINT(1 1), LINESTRING(1 1, 2 2))', 'mixed inside', 9],
      ['LINESTRING Z(0 5 0, 20 5 20)', 'z', 10],
    ]);
    const { rows, notes } = await runSteps(session, [box]);
    expect(rows.map((row) => [row['select'], row['geom']])).toEqual([
      ['crosses', 'POLYGON((5 5,5 8,10 8,10 5,5 5))'],
      ['inside', 'POLYGON((1 1,2 2,2 1,1 1))'],
      ['corner', 'POINT(10 10)'],
      ['lines', 'MULTILINESTRING((0 1,5 1))'],
      ['mixed', 'GEOMETRYCOLLECTION(LINESTRING(9 9,10 9),POINT(1 1))'],
      ['mixed inside', 'GEOMETRYCOLLECTION(LINESTRING(1 1,2 2),POINT(1 1))'],
      ['z', 'LINESTRING Z (0 5 0,10 5 10)'],
    ]);
    expect(notes).toEqual([
      {
        code: 'FEATURES_CLIPPED',
        message: 'Removed 3 of 10 features outside of the box. Cut 4 features at the edge of the box.',
      },
    ]);
  });

  test('keeps whole features on request', async () => {
    await createParcels(session, [
      ['LINESTRING(5 5, 15 5)', 'crosses', 1],
      ['POINT(20 20)', 'outside', 2],
      [null, 'null', 3],
    ]);
    const { rows } = await runSteps(session, [{ ...box, cut: false }]);
    expect(shapes(rows)).toEqual(['LINESTRING(5 5,15 5)']);
  });

  test('accepts a box in another CRS, whose edges become curves', async () => {
    // In EPSG:25833 the 52nd parallel bulges to the north between 9 and 21 degrees of longitude.
    await createParcels(session, [
      ['POINT(15 51.95)', 'in', 1],
      ['POINT(15 52.05)', 'out', 2],
    ]);
    const { rows, context } = await runSteps(session, [{ step: 'clip', bounds: [9, 50, 21, 52] }], {
      parameters: { target_crs: 'EPSG:25833' },
    });
    expect(fids(rows)).toEqual([1]);
    expect(context.areas.size).toBe(1);
  });

  test('rejects a box that cannot be transformed to the target CRS', async () => {
    await createParcels(session, [['POINT(15 52)', 'a', 1]]);
    await expect(
      runSteps(session, [{ step: 'clip', bounds: [-180, -90, 180, 90] }], { parameters: { target_crs: 'EPSG:25833' } }),
    ).rejects.toMatchObject({
      code: 'RECIPE_INVALID',
      message:
        'metadata.recipe.steps[0].bounds: the box cannot be transformed to EPSG:25833. Make it smaller, or specify it in that coordinate reference system.',
    });
    await expect(runSteps(session, [{ step: 'clip', bounds: [0, 0, 1, 1], crs: 'EPSG:999999' }])).rejects.toMatchObject(
      { code: 'RECIPE_INVALID', message: expect.stringContaining('metadata.recipe.steps[0].crs') as string },
    );
  });
});

describe('keep_geometries', () => {
  test('keeps one kind, and its parts in collections', async () => {
    await createParcels(session, [
      ['POINT(1 1)', 'a', 1],
      ['MULTIPOLYGON(((0 0, 1 0, 1 1, 0 0)))', 'b', 2],
      ['GEOMETRYCOLLECTION(POINT(1 1), POLYGON((0 0, 1 0, 1 1, 0 0)))', 'c', 3],
      [null, 'd', 4],
      ['LINESTRING(0 0, 1 1)', 'e', 5],
    ]);
    const { rows, notes } = await runSteps(session, [{ step: 'keep_geometries', kind: 'polygons' }]);
    expect(shapes(rows)).toEqual(['MULTIPOLYGON(((0 0,1 1,1 0,0 0)))', 'MULTIPOLYGON(((0 0,1 1,1 0,0 0)))', null]);
    expect(notes).toEqual([
      { code: 'FEATURES_DROPPED', message: 'Removed 2 of 5 features, because they have no polygons.' },
    ]);
  });
});
