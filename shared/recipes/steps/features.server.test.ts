import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type RecipeDatabase, recipeDatabase, runSteps } from '../../../tests/recipe-session.ts';
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

/** Creates raw_data with awkward column names. Each row is a geometry (EWKT without SRID) and values. */
async function parcels(
  rows: [wkt: string | null, district: string | null, größe: number | null, day?: string | null][],
): Promise<void> {
  await session.query(
    'create unlogged table raw_data (sluice_fid bigint, "Größe %s" double precision, "select" text, day date, tags text[], built boolean, geom geometry)',
  );
  for (const [index, [wkt, district, size, day]] of rows.entries()) {
    await session.query(
      `insert into raw_data values ($1::bigint, $2, $3, $4, '{a}', $1::bigint % 2 = 1, ST_SetSRID(ST_GeomFromText($5), 4326))`,
      [index + 1, size, district, day ?? null, wkt],
    );
  }
}

const fids = (rows: Record<string, unknown>[]) => rows.map((row) => row['sluice_fid']);
const shapes = (rows: Record<string, unknown>[]) => rows.map((row) => row['geom']);

describe('filter', () => {
  beforeEach(() =>
    parcels([
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
    await parcels([
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
    await parcels([
      ['LINESTRING(5 5, 15 5)', 'crosses', 1],
      ['POINT(20 20)', 'outside', 2],
      [null, 'null', 3],
    ]);
    const { rows } = await runSteps(session, [{ ...box, cut: false }]);
    expect(shapes(rows)).toEqual(['LINESTRING(5 5,15 5)']);
  });

  test('accepts a box in another CRS, whose edges become curves', async () => {
    // In EPSG:25833 the 52nd parallel bulges to the north between 9 and 21 degrees of longitude.
    await parcels([
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
    await parcels([['POINT(15 52)', 'a', 1]]);
    await expect(
      runSteps(session, [{ step: 'clip', bounds: [-180, -90, 180, 90] }], { parameters: { target_crs: 'EPSG:25833' } }),
    ).rejects.toMatchObject({
      code: 'RECIPE_INVALID',
      message:
        'metadata.recipe.steps[0].bounds: the box cannot be transformed to EPSG:25833. Make it smaller, or give it in that coordinate reference system.',
    });
    await expect(runSteps(session, [{ step: 'clip', bounds: [0, 0, 1, 1], crs: 'EPSG:999999' }])).rejects.toMatchObject(
      { code: 'RECIPE_INVALID', message: expect.stringContaining('metadata.recipe.steps[0].crs') as string },
    );
  });
});

describe('keep_geometries', () => {
  test('keeps one kind, and its parts in collections', async () => {
    await parcels([
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

describe('explode', () => {
  test('creates a feature from each part, with all attributes and a new number', async () => {
    await parcels([
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
    await parcels([['POINT(3 3)', 'b', 2]]);
    const { steps } = await runSteps(session, [{ step: 'explode' }]);
    expect(steps.find(({ step }) => step === 'explode')).toMatchObject({ output: 'raw_data', row_count: null });
  });
});

describe('dissolve', () => {
  const square = (x: number) => `POLYGON((${x} 0, ${x + 1} 0, ${x + 1} 1, ${x} 1, ${x} 0))`;

  test('unites the features of a group, and aggregates their values', async () => {
    await parcels([
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
    await parcels([
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
    await parcels([
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
