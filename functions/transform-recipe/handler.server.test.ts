import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EventData, SluiceEvent } from '#shared/events/event.ts';
import type { Context } from '#shared/runtime/context.ts';
import { openFunctionContext } from '../../tests/function-context.ts';
import { claimStep, loadedRun } from '../../tests/loaded-run.ts';
import { handler } from './handler.ts';

let context: Context & AsyncDisposable;
beforeAll(async () => {
  context = await openFunctionContext();
});
afterAll(() => context[Symbol.asyncDispose]());

const BOW_TIES = `create unlogged table raw_data as select n::bigint as sluice_fid, 'Nº ' || n as "größe", case when n < 9 then ST_SetSRID(ST_GeomFromText(
  'POLYGON((400000 300000, 400100 300100, 400100 300000, 400000 300100, 400000 300000))'), 27700) end as geom from generate_series(1, 10) as n`;

const data = (event: SluiceEvent | undefined) => event?.data as EventData<'sluice.table.ready'>;

test('returns the steps, parameters and counts of the recipe', async () => {
  const { run, loaded } = await loadedRun(context, { srid: 27700, sql: BOW_TIES, rowCount: 10 });
  const ready = await handler(loaded, context);
  expect(ready).toMatchObject({
    type: 'sluice.table.ready',
    subject: run.run_id,
    data: {
      recipe: 'default',
      parameters: { target_crs: 'EPSG:4326', simplify_tolerance: 0.00001 },
      crs: 'EPSG:4326',
      quality: { null_geometries: 2, empty_geometries: 0, repaired_geometries: 8 },
      notes: [],
    },
  });
  expect(data(ready).steps.map(({ step }) => step)).toEqual([
    'NormalizeCRS',
    'MakeValid',
    'SimplifyGeometry',
    'QuantizeCoordinates',
    'CreateSpatialIndex',
  ]);
  // A repeated event returns the recorded reply.
  expect(await handler(loaded, context)).toEqual(ready);
});

test('replaces the tables of a worker that ended', async () => {
  const { run, loaded } = await loadedRun(context, { srid: 27700, sql: BOW_TIES, rowCount: 10 });
  const dead = await claimStep(context.ledger, run.run_id, 'transform-recipe', 0);
  const session = await context.postgis.openSession(dead, context.signal);
  await session.query(
    'create table step_0 (half int); create table step_1_findings (half int); create table processed (half int)',
  );
  expect(data(await handler(loaded, context)).quality.repaired_geometries).toBe(8);
  await expect(session.query('drop table raw_data')).rejects.toThrow(); // Its session was ended.
  await session.close();
});

test('notes the features that ingest_road_network removes', async () => {
  const sql = `create unlogged table raw_data as select n::bigint as sluice_fid, ST_SetSRID(case n when 1 then ST_MakePoint(1, 1) else ST_MakeLine(ST_MakePoint(0, n), ST_MakePoint(1, n)) end, 4326) as geom from generate_series(1, 3) as n`;
  const { loaded } = await loadedRun(context, { srid: 4326, sql, rowCount: 3, intent: 'ingest_road_network' });
  expect(data(await handler(loaded, context))).toMatchObject({
    recipe: 'ingest_road_network',
    notes: [{ code: 'FEATURES_DROPPED', message: 'Removed 1 of 3 features, because they have no lines.' }],
  });
});

test('names a wrong parameter', async () => {
  const { loaded } = await loadedRun(context, {
    srid: 27700,
    sql: BOW_TIES,
    rowCount: 10,
    metadata: { recipe: { target_crs: 'EPSG:1' } },
  });
  await expect(handler(loaded, context)).rejects.toMatchObject({
    code: 'RECIPE_INVALID',
    message: expect.stringContaining('EPSG:1 is not') as string,
  });
});

test('cancels the running statement when the run is canceled', async () => {
  // The simplification takes minutes.
  const sql = `create unlogged table raw_data as select n::bigint as sluice_fid, ST_SetSRID(ST_Buffer(ST_MakePoint(0, 0), n, 2000), 4326) as geom from generate_series(1, 2000) as n`;
  const { run, loaded } = await loadedRun(context, { srid: 4326, sql, rowCount: 2000 });
  const working = handler(loaded, context);
  await started(run.run_id);
  await context.ledger.endRun(run.run_id, 'canceled', null);
  expect(await working).toBeUndefined();
});

/** Resolves when the step is claimed. */
async function started(runId: string): Promise<void> {
  for (;;) {
    const run = await context.ledger.getRun(runId);
    if (run?.steps.find(({ name }) => name === 'transform-recipe')?.status === 'running') return;
    await new Promise(setImmediate);
  }
}

test('added steps are recorded with their defaults and counts, in the order of the manifest', async () => {
  const steps = [
    { step: 'filter', all: [{ column: 'größe', op: '!=', value: 'Nº 3' }] },
    { step: 'explode' },
    { step: 'clip', bounds: [-180, -90, 180, 90] },
    { step: 'add_area', column: 'fläche' },
  ];
  const { loaded } = await loadedRun(context, {
    srid: 27700,
    sql: BOW_TIES,
    rowCount: 10,
    metadata: { recipe: { steps } },
  });
  const ready = data(await handler(loaded, context));
  expect(ready.steps.map(({ step, row_count }) => [step, row_count])).toEqual([
    ['NormalizeCRS', 10],
    ['MakeValid', 10],
    ['filter', 9],
    ['explode', 16],
    ['clip', 14],
    ['add_area', 14],
    ['SimplifyGeometry', 14],
    ['QuantizeCoordinates', null],
    ['CreateSpatialIndex', null],
  ]);
  expect(ready.parameters).toMatchObject({
    steps: [
      steps[0],
      { step: 'explode' },
      { step: 'clip', bounds: [-180, -90, 180, 90], crs: 'EPSG:4326', cut: true },
      steps[3],
    ],
  });
  expect(ready.notes).toEqual([
    {
      code: 'FEATURES_FILTERED',
      message: 'The filter removed 1 of 10 features.',
    },
    { code: 'FEATURES_SPLIT', message: 'Split 7 features with several parts: 9 features became 16.' },
    { code: 'FEATURES_CLIPPED', message: 'Removed 2 of 16 features outside of the box.' },
  ]);
});

test('a step that names a missing column fails before the first statement runs', async () => {
  const { run, loaded } = await loadedRun(context, {
    srid: 27700,
    sql: BOW_TIES,
    rowCount: 10,
    metadata: { recipe: { steps: [{ step: 'drop_columns', columns: ['grösse'] }] } },
  });
  await expect(handler(loaded, context)).rejects.toMatchObject({
    code: 'RECIPE_INVALID',
    message:
      'metadata.recipe.steps[0].columns[0]: the table has no column "grösse" at this step. Its columns are "größe".',
  });
  const claim = await claimStep(context.ledger, run.run_id, 'transform-recipe');
  const session = await context.postgis.openSession(claim, context.signal);
  expect(
    await session.query(`select tablename from pg_tables where schemaname = $1 and tablename like 'step%'`, [
      session.schema,
    ]),
  ).toEqual([]);
  await session.close();
});
