import { describe, expect, test } from 'vitest';
import type { TableColumn } from '#shared/postgis/table-checks.ts';
import { completeParameters, parseParameters, unitOf } from './parameters/recipe-parameters.ts';
import type { CrsUnit, StepContext } from './recipe-step.ts';
import { ALL_RECIPES, bindSteps, planRecipe, recipeOf, STEP_DEFINITIONS, stepsOf } from './registry.ts';

test('an intent without a recipe runs the default recipe', () => {
  for (const intent of ['ingest_vector', 'ingest_building_footprints', 'constructor', '__proto__'])
    expect(recipeOf(intent).name).toBe('default');
  expect(recipeOf('ingest_road_network').name).toBe('ingest_road_network');
});

test('the steps of each recipe', () => {
  expect(
    Object.fromEntries(ALL_RECIPES.map((recipe) => [recipe.name, stepsOf(recipe).map((step) => step.name)])),
  ).toEqual({
    default: ['NormalizeCRS', 'MakeValid', 'SimplifyGeometry', 'QuantizeCoordinates', 'CreateSpatialIndex'],
    ingest_road_network: [
      'NormalizeCRS',
      'MakeValid',
      'KeepLinear',
      'SimplifyGeometry',
      'QuantizeCoordinates',
      'CreateSpatialIndex',
    ],
    ingest_buildings: [
      'NormalizeCRS',
      'MakeValid',
      'KeepPolygonal',
      'SimplifyGeometry',
      'QuantizeCoordinates',
      'CreateSpatialIndex',
    ],
    ingest_parcels: [
      'NormalizeCRS',
      'MakeValid',
      'KeepPolygonal',
      'SimplifyGeometry',
      'QuantizeCoordinates',
      'CreateSpatialIndex',
    ],
    ingest_points_of_interest: [
      'NormalizeCRS',
      'MakeValid',
      'RepresentByPoint',
      'SimplifyGeometry',
      'QuantizeCoordinates',
      'CreateSpatialIndex',
    ],
  });
});

test('the unit of a CRS is degrees or its length in meters', () => {
  expect(unitOf('+proj=longlat +datum=WGS84 +no_defs')).toBe('degree');
  expect(unitOf('+proj=utm +zone=33 +ellps=GRS80 +units=m +no_defs')).toBe(1);
  expect(unitOf('+proj=lcc +lat_0=40 +datum=NAD83 +units=us-ft +no_defs')).toBeCloseTo(0.3048006);
  expect(unitOf('+proj=tmerc +to_meter=0.3047972654 +no_defs')).toBe(0.3047972654);
});

test('the default tolerance is about one meter in every unit', () => {
  const tolerance = (unit: ReturnType<typeof unitOf>) =>
    completeParameters(parseParameters(undefined), recipeOf('x'), unit).simplify_tolerance;
  expect([tolerance('degree'), tolerance(1), tolerance(0.3048)]).toEqual([0.00001, 1, 1 / 0.3048]);
});

const column = (name: string, type: string, base = type, array = false): TableColumn => ({ name, type, base, array });
const CONTEXT: StepContext = {
  geometryColumn: 'geom',
  keyColumn: 'sluice_fid',
  sourceSrid: 4326,
  sourceUnit: 'degree',
  sourceProj4: '+proj=longlat +datum=WGS84 +no_defs',
  targetSrid: 4326,
  targetProj4: '+proj=longlat +datum=WGS84 +no_defs',
  units: new Map<number, CrsUnit>([
    [4326, 'degree'],
    [2263, 0.5],
  ]),
  areas: new Map(),
  curves: false,
  surfaces: false,
  measures: false,
  columns: [
    column('sluice_fid', 'bigint', 'int8'),
    column('name %I"', 'text'),
    column('größe', 'real', 'float4'),
    column('n', 'integer', 'int4'),
    column('tags', 'text[]', 'text', true),
    column('Day', 'date'),
    column('geom', 'geometry'),
  ],
  parameters: { target_crs: 'EPSG:4326', simplify_tolerance: 0 },
};
const TABLES = { input: 'in put', output: 'out', findings: 'found' };

/** The statements of one step of a manifest. */
function sqlOf(step: Record<string, unknown>): string[] {
  return planRecipe(bindSteps(parseParameters({ steps: [step] }).steps ?? []), CONTEXT).flatMap((planned) =>
    planned.step.plan(TABLES, planned.context).map(({ sql }) => sql.replaceAll(/\s+/g, ' ')),
  );
}

/** The names of the columns after the steps. */
function columnsAfter(...steps: Record<string, unknown>[]): string[] {
  return (
    planRecipe(
      [...bindSteps(parseParameters({ steps }).steps ?? []), { name: 'end', createsTable: false, plan: () => [] }],
      CONTEXT,
    )
      .at(-1)
      ?.context.columns.map(({ name, type }) => `${name} ${type}`) ?? []
  );
}

function errorOf(run: () => unknown): unknown {
  try {
    run();
  } catch (thrown) {
    return thrown;
  }
  return undefined;
}

const ALL =
  't.sluice_fid as sluice_fid, t."name %I""" as "name %I""", t."größe" as "größe", t.n as n, t.tags as tags, t."Day" as "Day"';

describe('the SQL of a step', () => {
  test('filter', () => {
    expect(
      sqlOf({
        step: 'filter',
        all: [
          { column: 'name %I"', op: '=', value: "o'\\x" },
          { column: 'größe', op: '<', value: 1.5 },
        ],
        any: [
          { column: 'n', op: 'in', value: [1, 2.5] },
          { column: 'Day', op: 'is_null' },
        ],
      }),
    ).toEqual([
      `create unlogged table out as select ${ALL}, t.geom as geom from "in put" as t where t."name %I""" = E'o''\\\\x'::text and t."größe" < '1.5'::float4 and (t.n in ('1'::numeric, '2.5'::numeric) or t."Day" is null)`,
    ]);
  });

  test('clip', () => {
    const box = `ST_MakeEnvelope('0'::float8, '1'::float8, '2'::float8, '3'::float8, 4326)`;
    expect(sqlOf({ step: 'clip', bounds: [0, 1, 2, 3], cut: false })).toEqual([
      `create unlogged table out as select ${ALL}, t.geom as geom from "in put" as t where t.geom && ${box} and ST_Intersects(t.geom, ${box})`,
    ]);
  });

  test('dissolve', () => {
    expect(
      sqlOf({
        step: 'dissolve',
        by: ['Day', 'name %I"'],
        aggregates: [
          { function: 'count', as: 'count' },
          { column: 'größe', function: 'sum', as: 'su"m' },
          { column: 'n', function: 'max', as: 'n' },
        ],
      }),
    ).toEqual([
      `create unlogged table out as select min(t.sluice_fid) as sluice_fid, t."name %I""" as "name %I""", t."Day" as "Day", count(*) as count, sum(t."größe"::float8 order by t.sluice_fid) as "su""m", max(t.n)::integer as n, ` +
        `ST_Union(t.geom order by t.sluice_fid) as geom from "in put" as t group by t."Day", t."name %I""" having count(*) > 0`,
    ]);
  });

  test('cast_columns', () => {
    expect(
      sqlOf({ step: 'cast_columns', columns: { 'name %I"': 'bigint', n: 'double' }, null_values: ["n'a"] })[0],
    ).toContain(
      `case when btrim(t."name %I"""::text, ' \t\r\n') = any (array['n''a']::text[]) then null else nullif(btrim(t."name %I"""::text, ' \t\r\n'), '')::bigint end as "name %I"""`.replaceAll(
        /\s+/g,
        ' ',
      ),
    );
  });

  test('add_area', () => {
    expect(sqlOf({ step: 'add_area' })).toEqual([
      `create unlogged table out as select ${ALL}, case when ST_Dimension(t.geom) = 2 then ST_Area(t.geom::geography) end as area_m2, t.geom as geom from "in put" as t`,
    ]);
    expect(sqlOf({ step: 'add_area', crs: 'EPSG:2263', column: 'fläche' })[0]).toContain(
      `then ST_Area(ST_Transform(t.geom, 2263)) * '0.25'::float8 end as "fläche"`,
    );
  });
});

describe('columns', () => {
  test('each step gets the columns that earlier steps leave', () => {
    expect(
      columnsAfter(
        { step: 'rename_columns', columns: { n: 'Anzahl' } },
        { step: 'cast_columns', columns: { Anzahl: 'text' } },
        { step: 'drop_columns', columns: ['tags', 'Day'] },
        { step: 'add_length' },
      ),
    ).toEqual([
      'sluice_fid bigint',
      'name %I" text',
      'größe real',
      'Anzahl text',
      'length_m double precision',
      'geom geometry',
    ]);
    expect(
      columnsAfter({ step: 'dissolve', by: ['n'], aggregates: [{ column: 'größe', function: 'mean', as: 'mittel' }] }),
    ).toEqual(['sluice_fid bigint', 'n integer', 'mittel double precision', 'geom geometry']);
  });

  test('the steps of a manifest run after repair and before simplification', () => {
    expect(stepsOf(recipeOf('ingest_buildings'), [{ step: 'explode' }]).map(({ name }) => name)).toEqual([
      'NormalizeCRS',
      'MakeValid',
      'KeepPolygonal',
      'explode',
      'SimplifyGeometry',
      'QuantizeCoordinates',
      'CreateSpatialIndex',
    ]);
  });
});

const filter = (condition: object) => () => sqlOf({ step: 'filter', all: [condition] });

describe('an error names the wrong parameter and the allowed values', () => {
  test.each([
    [
      'metadata.recipe.steps[0].all[0].column: the table has no column "Name" at this step. Its columns are "name %I\\"", "größe", "n", "tags", "Day".',
      filter({ column: 'Name', op: '=', value: 'x' }),
    ],
    [
      'metadata.recipe.steps[0].all[0].column: the table has no column "geom" at this step.',
      filter({ column: 'geom', op: 'is_null' }),
    ],
    [
      'metadata.recipe.steps[0].all[0].value: column "n" is integer, so the value must be a number.',
      filter({ column: 'n', op: '=', value: 'x' }),
    ],
    [
      'metadata.recipe.steps[0].all[0].value: column "Day" is date, so the value must be a date such as "2025-03-31".',
      filter({ column: 'Day', op: '<', value: '2025-02-30' }),
    ],
    [
      'metadata.recipe.steps[0].all[0].value: a column of type text[] supports only is_null and is_not_null.',
      filter({ column: 'tags', op: '=', value: 'x' }),
    ],
    [
      'metadata.recipe.steps[0].all[0].op: contains requires a text column; "n" is integer.',
      filter({ column: 'n', op: 'contains', value: '1' }),
    ],
    [
      'metadata.recipe.steps[1].columns[0]: the table has no column "n" at this step. Its columns are "größe".',
      () => columnsAfter({ step: 'keep_columns', columns: ['größe'] }, { step: 'drop_columns', columns: ['n'] }),
    ],
    [
      'metadata.recipe.steps[0].columns["n"]: the column "Day" already exists. Choose another name.',
      () => columnsAfter({ step: 'rename_columns', columns: { n: 'day' } }),
    ],
    [
      'metadata.recipe.steps[0].by[0]: features cannot be grouped by "tags", because its type is text[].',
      () => columnsAfter({ step: 'dissolve', by: ['tags'] }),
    ],
    [
      'metadata.recipe.steps[0].aggregates[0].column: sum requires a column of numbers; "Day" is date.',
      () => columnsAfter({ step: 'dissolve', aggregates: [{ column: 'Day', function: 'sum', as: 'x' }] }),
    ],
    [
      'metadata.recipe.steps[0].aggregates[1].as: the column "x" already exists. Choose another name.',
      () =>
        columnsAfter({
          step: 'dissolve',
          aggregates: [
            { function: 'count', as: 'x' },
            { function: 'count', as: 'X' },
          ],
        }),
    ],
  ])('%s', (message, run) =>
    expect(errorOf(run)).toMatchObject({ code: 'RECIPE_INVALID', message: expect.stringContaining(message) as string }),
  );
});

test('the example of every step is valid', () => {
  for (const { name, example } of STEP_DEFINITIONS)
    expect(parseParameters({ steps: [example] }).steps, name).toMatchObject([{ step: name }]);
});
