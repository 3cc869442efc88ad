import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { readColumns } from '#shared/postgis/table-checks.ts';
import { type RecipeDatabase, recipeDatabase, runSteps } from '../../../tests/recipe-session.ts';

let database: RecipeDatabase;
let session: PostgisSession;
beforeAll(async () => {
  database = await recipeDatabase();
});
afterAll(() => database.stop());
beforeEach(async () => {
  session = await database.open();
});

const types = async () =>
  Object.fromEntries((await readColumns(session, 'processed')).map(({ name, type }) => [name, type]));

describe('keep, drop and rename', () => {
  beforeEach(() =>
    session.query(
      `create unlogged table raw_data as select 1::bigint as sluice_fid, 'x'::text as "Größe %s", 2 as "select", true as "a""b", ST_SetSRID(ST_MakePoint(1, 2), 4326) as geom`,
    ),
  );

  test('keep_columns keeps the listed columns, in the order of the table', async () => {
    const { rows } = await runSteps(session, [{ step: 'keep_columns', columns: ['a"b', 'Größe %s'] }]);
    expect(rows).toEqual([{ sluice_fid: 1, 'Größe %s': 'x', 'a"b': true, geom: 'POINT(1 2)' }]);
    expect(Object.keys(await types())).toEqual(['sluice_fid', 'Größe %s', 'a"b', 'geom']);
    expect((await runSteps(session, [{ step: 'keep_columns', columns: [] }])).rows).toEqual([
      { sluice_fid: 1, geom: 'POINT(1 2)' },
    ]);
  });

  test('drop_columns removes the listed columns', async () => {
    expect((await runSteps(session, [{ step: 'drop_columns', columns: ['select', 'Größe %s'] }])).rows).toEqual([
      { sluice_fid: 1, 'a"b': true, geom: 'POINT(1 2)' },
    ]);
  });

  test('rename_columns can exchange names; later steps use the new names', async () => {
    const { rows } = await runSteps(session, [
      { step: 'rename_columns', columns: { 'Größe %s': 'select', select: 'Größe %s', 'a"b': 'drop table x; --' } },
      { step: 'drop_columns', columns: ['drop table x; --'] },
      { step: 'filter', all: [{ column: 'Größe %s', op: '=', value: 2 }] },
    ]);
    expect(rows).toEqual([{ sluice_fid: 1, select: 'x', 'Größe %s': 2, geom: 'POINT(1 2)' }]);
  });
});

describe('cast_columns', () => {
  async function column(type: string, values: (string | null)[]): Promise<void> {
    await session.query(`create unlogged table raw_data (sluice_fid bigint, "wert %" ${type}, geom geometry)`);
    for (const [index, value] of values.entries())
      await session.query(`insert into raw_data values ($1, $2::text::${type}, ST_SetSRID(ST_MakePoint(1, 2), 4326))`, [
        index + 1,
        value,
      ]);
  }
  const cast = async (to: string, options: object = {}) => {
    const { rows } = await runSteps(session, [{ step: 'cast_columns', columns: { 'wert %': to }, ...options }]);
    return { values: rows.map((row) => row['wert %']), type: (await types())['wert %'] };
  };

  test.each([
    ['text', 'bigint', [' 12 ', '-3', '', null], [12, -3, null, null], 'bigint'],
    ['text', 'double', ['1.5', '1e3'], [1.5, 1000], 'double precision'],
    ['text', 'decimal', ['1.50'], [1.5], 'numeric'],
    ['text', 'boolean', ['true', 'no'], [true, false], 'boolean'],
    ['text', 'date', ['2025-03-31', ' 2024-02-29 '], ['2025-03-31', '2024-02-29'], 'date'],
    [
      'text',
      'timestamptz',
      ['2025-03-31T12:00:00+02:00', '2025-03-31'],
      ['2025-03-31T10:00:00+00:00', '2025-03-31T00:00:00+00:00'],
      'timestamp with time zone',
    ],
    ['double precision', 'bigint', ['3', '1e15'], [3, 1e15], 'bigint'],
    ['double precision', 'decimal', ['0.1'], [0.1], 'numeric'],
    ['bigint', 'text', ['7'], ['7'], 'text'],
    ['integer', 'boolean', ['0', '1'], [false, true], 'boolean'],
    ['boolean', 'bigint', ['true'], [1], 'bigint'],
    ['timestamp with time zone', 'date', ['2025-03-31T23:30:00Z'], ['2025-03-31'], 'date'],
    ['date', 'timestamp', ['2025-03-31'], ['2025-03-31T00:00:00'], 'timestamp without time zone'],
    ['integer[]', 'text', ['{1,2}'], ['{1,2}'], 'text'],
  ])('%s to %s', async (type, to, values, expected, after) => {
    await column(type, values);
    expect(await cast(to)).toEqual({ values: expected, type: after });
  });

  test('null_values become null, in columns of numbers too', async () => {
    await column('text', ['n/a', '5', ' - ']);
    expect((await cast('bigint', { null_values: ['n/a', '-'] })).values).toEqual([null, 5, null]);
    await session.query('drop table raw_data');
    await column('double precision', ['-9999', '1']);
    expect((await cast('double', { null_values: ['-9999'] })).values).toEqual([null, 1]);
  });

  test.each([
    [
      'text',
      'bigint',
      ['1', 'n/a', 'x'],
      'Feature 2 (and 3), counted from 1, has a value that cannot be cast: invalid input syntax for type bigint: "n/a".',
    ],
    [
      'double precision',
      'bigint',
      ['1.5'],
      'Feature 1, counted from 1, has a value that cannot be cast: invalid input syntax for type bigint: "1.5".',
    ],
    [
      'text',
      'date',
      ['03/04/2025'],
      'Feature 1, counted from 1, has a value that cannot be cast: column "wert %": "03/04/2025" is not written as 2025-03-31 or 2025-03-31T12:00:00Z.',
    ],
    [
      'text',
      'date',
      ['2025-02-30'],
      'Feature 1, counted from 1, has a value that cannot be cast: date/time field value out of range: "2025-02-30".',
    ],
  ])('names the features whose %s cannot be cast to %s', async (type, to, values, message) => {
    await column(type, values);
    await expect(cast(to)).rejects.toMatchObject({ code: 'CAST_FAILED', message });
  });

  test('rejects an unsupported cast', async () => {
    await column('boolean', ['true']);
    await expect(cast('date')).rejects.toMatchObject({
      code: 'RECIPE_INVALID',
      message: 'metadata.recipe.steps[0].columns["wert %"]: column "wert %" is boolean, which cannot be cast to date.',
    });
  });
});

describe('areas and lengths', () => {
  // A degree along the equator is 111,319.49 m; a square of a hundredth of a degree there is 1,105,7xx m × 1,113 m.
  beforeEach(() =>
    session.query(`create unlogged table raw_data as select n::bigint as sluice_fid, 'keep' as area, ST_SetSRID(ST_GeomFromText(wkt), 4326) as geom
    from (values (1, 'POLYGON((0 0, 0.01 0, 0.01 0.01, 0 0.01, 0 0))'), (2, 'LINESTRING(0 0, 1 0)'), (3, 'POINT(1 1)'), (4, null), (5, 'POLYGON EMPTY')) as v(n, wkt)`),
  );

  test('measures on the ellipsoid in meters; other features have null', async () => {
    const { rows } = await runSteps(session, [
      { step: 'add_area' },
      { step: 'add_length', column: 'länge' },
      { step: 'add_perimeter' },
    ]);
    expect(rows.map((row) => row['länge'])).toEqual([null, expect.closeTo(111_319.49, 2), null, null, null]);
    expect(rows.map((row) => row['area_m2'])).toEqual([expect.closeTo(1_230_907.2, 0), null, null, null, 0]);
    expect(rows.map((row) => row['perimeter_m'])).toEqual([
      expect.closeTo(2 * (1113.19 + 1105.74), 0),
      null,
      null,
      null,
      0,
    ]);
    expect(await types()).toEqual({
      sluice_fid: 'bigint',
      area: 'text',
      area_m2: 'double precision',
      länge: 'double precision',
      perimeter_m: 'double precision',
      geom: 'geometry',
    });
  });

  test('measures in a CRS of any unit in meters', async () => {
    const { rows } = await runSteps(
      session,
      [
        { step: 'add_length', crs: 'EPSG:3857', column: 'mercator' },
        { step: 'add_length', column: 'ellipsoid' },
      ],
      { parameters: { target_crs: 'EPSG:3857' } },
    );
    expect(rows[1]).toMatchObject({
      mercator: expect.closeTo(111_319.49, 2) as number,
      ellipsoid: expect.closeTo(111_319.49, 2) as number,
    });
    await session.query(
      `update raw_data set geom = ST_SetSRID(ST_GeomFromText('LINESTRING(-74 40.7, -74 40.71)'), 4326)`,
    );
    const [feet] = (await runSteps(session, [{ step: 'add_length', crs: 'EPSG:2263' }])).rows;
    expect(feet?.['length_m']).toBeGreaterThan(1110);
    expect(feet?.['length_m']).toBeLessThan(1111);
  });

  test('rejects a CRS in degrees and a name that is in use', async () => {
    await expect(runSteps(session, [{ step: 'add_area', crs: 'EPSG:4258' }])).rejects.toMatchObject({
      code: 'RECIPE_INVALID',
      message:
        'metadata.recipe.steps[0].crs: EPSG:4258 is not projected. Use a CRS in meters or feet, or omit `crs` to measure on the ellipsoid.',
    });
    await expect(runSteps(session, [{ step: 'add_area', column: 'AREA' }])).rejects.toMatchObject({
      code: 'RECIPE_INVALID',
      message: 'metadata.recipe.steps[0].column: the column "area" already exists. Choose another name.',
    });
    await expect(runSteps(session, [{ step: 'add_area', column: 'bbox' }])).rejects.toMatchObject({
      message: 'metadata.recipe.steps[0].column: "bbox" is a reserved name. Choose another name.',
    });
  });
});
