import { afterAll, beforeAll, expect, test } from 'vitest';
import { SILENT_LOG } from '#shared/log/log.ts';
import type { Context } from '#shared/runtime/context.ts';
import { openContext } from '#shared/runtime/make-context.ts';
import { openFunctionContext } from '../../tests/function-context.ts';
import { loadedRun } from '../../tests/loaded-run.ts';
import { handler } from './handler.ts';

let context: Context & AsyncDisposable;
beforeAll(async () => {
  context = await openFunctionContext();
});
afterAll(() => context[Symbol.asyncDispose]());

/** SQL for raw_data with a valid feature 1, and a polygon as feature 2 whose vertices the query `points` returns. */
const rawData = (points: string) => `
  create unlogged table raw_data as select 1::bigint as sluice_fid, ST_MakeEnvelope(0, 0, 1, 1, 4326) as geom
  union all select 2, ST_MakePolygon(ST_AddPoint(ring, ST_StartPoint(ring)))
  from (select ST_SetSRID(ST_MakeLine(ST_MakePoint(x, y) order by n), 4326) as ring from (${points}) as points) as rings`;

/** A ring of random vertices. About a quarter of all pairs of its segments cross. */
const tangle = (vertices: number) =>
  rawData(
    `select n, random() as x, random() as y from (select setseed(0.5)) as seed, generate_series(1, ${vertices}) as n`,
  );

/** A ring that crosses itself in each unit of its length. */
const twisted = (length: number) =>
  rawData(`select n, n * 0.001 as x, n % 2 as y from generate_series(0, ${length}) as n
    union all select ${2 * length + 1} - n, n * 0.001, 1 - n % 2 from generate_series(0, ${length}) as n`);

test.each([600, 6_000, 60_000])('names a polygon of %i vertices that crosses itself too often', async (vertices) => {
  const { loaded, run } = await loadedRun(context, { srid: 4326, sql: tangle(vertices), rowCount: 2 });
  const error = await handler(loaded, context).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    code: 'GEOMETRY_TOO_COMPLEX',
    retryable: false,
    details: {
      features: [{ feature: 2 }],
      step: 'transform-recipe',
      files: ['s3://landing-zone/roads/Straßen #1 é.gpkg'],
    },
    message: expect.stringMatching(
      /^s3:\/\/landing-zone\/roads\/Straßen #1 é\.gpkg: Feature 2, counted from 1, cannot be repaired: its lines cross about \d+ times; the limit is 10000\. Step: transform-recipe\.$/,
    ) as string,
  });
  expect(
    (await context.ledger.getRun(run.run_id))?.steps.find(({ name }) => name === 'transform-recipe')?.error?.code,
  ).toBe('GEOMETRY_TOO_COMPLEX');
});

test('names a polygon that crosses itself too often among 500 larger invalid ones', async () => {
  const { loaded } = await loadedRun(context, {
    srid: 4326,
    sql: `${tangle(600)};
      insert into raw_data select feature, ST_MakePolygon(ST_AddPoint(ring, ST_StartPoint(ring)))
      from generate_series(3, 502) as feature, lateral (
        select ST_SetSRID(ST_MakeLine(
          ST_MakePoint(feature % 30 + cos(n * pi() / 400) / 3, feature / 30 + sin(n * pi() / 200) / 3) order by n), 4326)
        from generate_series(1, 800) as n) as eight (ring)`,
    rowCount: 502,
  });
  await expect(handler(loaded, context)).rejects.toMatchObject({
    code: 'GEOMETRY_TOO_COMPLEX',
    details: { features: [{ feature: 2 }] },
  });
});

test('repairs a large polygon with few crossings', async () => {
  const { loaded } = await loadedRun(context, { srid: 4326, sql: twisted(300), rowCount: 2 });
  const ready = await handler(loaded, context);
  expect(ready?.data).toMatchObject({
    quality: { repaired_geometries: 1, null_geometries: 0, empty_geometries: 0 },
  });
});

test('names step, setting and file of a statement that exceeds its time limit', async () => {
  await using limited = await openContext({ ...context.env, STATEMENT_TIMEOUT_SECONDS: 1 }, SILENT_LOG);
  // The simplification takes several seconds.
  const sql = `create unlogged table raw_data as select n::bigint as sluice_fid, ST_SetSRID(ST_Buffer(ST_MakePoint(0, 0), n, 2000), 4326) as geom
    from generate_series(1, 300) as n`;
  const { loaded } = await loadedRun(context, { srid: 4326, sql, rowCount: 300 });
  await expect(handler(loaded, limited)).rejects.toMatchObject({
    code: 'STATEMENT_TIMEOUT',
    retryable: false,
    message:
      's3://landing-zone/roads/Straßen #1 é.gpkg: PostgreSQL canceled a statement that exceeded ' +
      'STATEMENT_TIMEOUT_SECONDS. Step: transform-recipe.',
  });
});

/** SQL for raw_data with a valid feature 1 and the geometry of a query as feature 2. */
const withGeometry = (geometry: string) => `
  create unlogged table raw_data as select 1::bigint as sluice_fid, ST_MakeEnvelope(0, 0, 1, 1, 4326) as geom
  union all select 2, ST_SetSRID((${geometry}), 4326)`;
const polygonWithHoles = (ring: string, count: number) =>
  `select ST_MakePolygon(ST_ExteriorRing(ST_MakeEnvelope(0, 0, 80, 80)), array_agg(ST_ExteriorRing(${ring})))
   from generate_series(1, ${count}) as i`;
const NESTED_RING = 'ST_MakeEnvelope(1 + i * 1e-4, 1 + i * 1e-4, 79 - i * 1e-4, 79 - i * 1e-4)';

test.each([
  ['100,000 equal rings', polygonWithHoles('ST_MakeEnvelope(1, 1, 2, 2)', 100_000), /its rings are nested in about/],
  ['100,000 nested rings', polygonWithHoles(NESTED_RING, 100_000), /its rings are nested in about \d+ pairs/],
  ['2,000 equal rings', polygonWithHoles('ST_MakeEnvelope(1, 1, 2, 2)', 2_000), /its rings are nested in about/],
  [
    '40,000 adjacent parts',
    `select ST_Collect(ST_MakeEnvelope(i % 200 / 2.5, i / 200 / 2.5, (i % 200 + 1) / 2.5, (i / 200 + 1) / 2.5))
     from generate_series(0, 39999) as i`,
    /\d+ of its segments are equal to others; the limit is 30000/,
  ],
])('names an invalid geometry with %s', async (_, geometry, reason) => {
  const { loaded } = await loadedRun(context, { srid: 4326, sql: withGeometry(geometry), rowCount: 2 });
  const error = await handler(loaded, context).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    code: 'GEOMETRY_TOO_COMPLEX',
    details: { features: [{ feature: 2 }] },
    message: expect.stringMatching(reason) as string,
  });
});

/** The comparison of shapes after a transformation precedes the repair. */
test.each([
  ['a polygon that crosses itself too often', tangle(2_500)],
  ['a geometry with 100,000 nested rings', withGeometry(polygonWithHoles(NESTED_RING, 100_000))],
])('names %s in a projected CRS', async (_, degrees) => {
  const sql = `${degrees.replace('raw_data', 'source')};
    create unlogged table raw_data as
      select sluice_fid, ST_Translate(ST_Scale(ST_SetSRID(geom, 27700), 1000, 1000), 400000, 200000) as geom from source`;
  const { loaded } = await loadedRun(context, { srid: 27700, sql, rowCount: 2 });
  await expect(handler(loaded, context)).rejects.toMatchObject({
    code: 'GEOMETRY_TOO_COMPLEX',
    details: { features: [{ feature: 2 }] },
  });
});

test('repairs a multipolygon with many disjoint parts and some that overlap', async () => {
  const parts = `select ST_Multi(ST_Collect(part)) from (
    select ST_MakeEnvelope(i % 100 * 0.2, i / 100 * 0.2, i % 100 * 0.2 + 0.1, i / 100 * 0.2 + 0.1) as part
    from generate_series(0, 3999) as i
    union all select ST_MakeEnvelope(30, 30, 40 + i, 40 + i) from generate_series(1, 5) as i) as parts`;
  const { loaded } = await loadedRun(context, { srid: 4326, sql: withGeometry(parts), rowCount: 2 });
  expect((await handler(loaded, context))?.data).toMatchObject({ quality: { repaired_geometries: 1 } });
});

test.each([
  ['collect', 'collected'],
  ['dissolve', 'united'],
])('names a group for %s whose features have nested rings', async (step, participle) => {
  const annulus = (n: string) => `ST_MakePolygon(ST_ExteriorRing(ST_Expand(center, ${n})),
    array[ST_ExteriorRing(ST_Expand(center, ${n} - 0.005))])`;
  const { loaded } = await loadedRun(context, {
    srid: 4326,
    sql: `create unlogged table raw_data as select n::bigint as sluice_fid, ${annulus('n * 0.01')} as geom
      from generate_series(1, 2000) as n, ST_SetSRID(ST_MakePoint(30, 30), 4326) as center`,
    rowCount: 2_000,
    metadata: { recipe: { steps: [{ step, by: [] }] } },
  });
  await expect(handler(loaded, context)).rejects.toMatchObject({
    code: 'GEOMETRY_TOO_COMPLEX',
    details: { features: [{ feature: 1 }] },
    message: expect.stringMatching(
      `cannot be ${participle} with others: the rings of its group are nested in about \\d+ pairs; the limit is 1000000`,
    ) as string,
  });
});
