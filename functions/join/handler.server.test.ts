import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { EventData } from '#shared/events/event.ts';
import { scratchRoot } from '#shared/runtime/scratch.ts';
import { joinData, type JoinFixture, openJoinFixture, TEXT } from '../../tests/fixtures/join.ts';
import { readGeoParquet } from '../../tests/geoparquet.ts';
import { completeAsset, requestJoin, spatialAsset, tabularAsset } from '../../tests/lake-assets.ts';
import { claimStep } from '../../tests/loaded-run.ts';
import { handler as exportGeoparquet } from '../export-geoparquet/handler.ts';
import { handler } from './handler.ts';

let fixture: JoinFixture;
let context: JoinFixture['context'];
let länder: JoinFixture['länder'];
let zahlen: JoinFixture['zahlen'];
let config: JoinFixture['config'];
let joined: JoinFixture['joined'];
let failure: JoinFixture['failure'];
beforeAll(async () => {
  fixture = await openJoinFixture();
  ({ context, länder, zahlen, config, joined, failure } = fixture);
});
afterAll(() => fixture[Symbol.asyncDispose]());

test('joins by key, keeps features without a row, and counts unmatched keys', async () => {
  const { ready, rows } = await joined();
  expect(rows.map(({ sluice_fid: _fid, geom: _geom, ...row }) => row)).toEqual([
    {
      code: 'DE',
      nr: 1,
      'Name 🚗': 'Größe #1 é',
      zahlen: null,
      größe: '83.20',
      gegründet: new Date('1990-10-03T00:00:00'),
      t_nr: '',
    },
    {
      code: 'FR',
      nr: 2,
      'Name 🚗': '',
      zahlen: [1, null, 3],
      größe: '67.50',
      gegründet: new Date('1789-07-14T00:00:00'),
      t_nr: 'x',
    },
    { code: 'IT', nr: 3, 'Name 🚗': null, zahlen: [], größe: null, gegründet: null, t_nr: null },
    { code: null, nr: 4, 'Name 🚗': 'zwei\nZeilen\t"q"', zahlen: [4], größe: null, gegründet: null, t_nr: null },
  ]);
  expect(rows.map(({ sluice_fid }) => sluice_fid).sort()).toEqual(['1', '2', '3', '4']);
  expect(joinData(ready)).toMatchObject({
    recipe: 'join',
    crs: 'EPSG:4326',
    parents: [länder._id, zahlen._id],
    quality: { null_geometries: 1, empty_geometries: 0, repaired_geometries: 0 },
    join: {
      matched_rows: 2,
      unmatched_spatial: { count: 1, sample: ['IT'] },
      unmatched_tabular: { count: 1, sample: ['XX'] },
      null_keys: { spatial: 1, tabular: 1 },
    },
    parameters: {
      left_key: 'code',
      how: 'left',
      spatial_content_hash: länder.content_hash,
      tabular_asset_id: zahlen._id,
      tabular_content_hash: zahlen.content_hash,
    },
    notes: [
      {
        code: 'COLUMN_RENAMED',
        column: 't_nr',
        message: 'Column "nr" of the table was renamed to "t_nr": its name is already used, reserved or too long.',
      },
      { code: 'JOIN_KEYS_UNMATCHED', message: '1 key of the spatial asset has no row in the table: "IT".' },
      {
        code: 'JOIN_KEYS_MISSING',
        message: '1 feature of the spatial asset has no value in "code" and matches nothing.',
      },
      { code: 'JOIN_KEYS_UNMATCHED', message: '1 key of the table has no feature: "XX".' },
      { code: 'JOIN_KEYS_MISSING', message: '1 row of the table has no value in "code" and matches nothing.' },
    ],
  });
  expect(joinData(ready).steps.map(({ step, output, row_count }) => [step, output, row_count])).toEqual([
    ['LoadSpatial', 'join_spatial', 4],
    ['LoadTabular', 'join_tabular', 4],
    ['Join', 'processed', 4],
  ]);
});

test('an inner join with selected columns and another prefix', async () => {
  const { ready, rows } = await joined({ how: 'inner', columns: ['größe', 'nr', 'code'], prefix: 'aus Zahlen: ' });
  expect(Object.keys(rows[0] ?? {})).toEqual([
    'sluice_fid',
    'code',
    'nr',
    'Name 🚗',
    'zahlen',
    'größe',
    'aus Zahlen: nr',
    'aus Zahlen: code',
    'geom',
  ]);
  expect(rows.map((row) => row['aus Zahlen: code'])).toEqual(['DE', 'FR']);
  expect(joinData(ready).join).toMatchObject({ matched_rows: 2 });
});

test('the exported joined asset has the same rows for an independent reader', async () => {
  const { ready } = await joined({ columns: ['größe'] });
  const exported = await exportGeoparquet(ready, context);
  const asset = await context.ledger.getAsset(
    (exported?.data as EventData<'sluice.asset.exported'>).asset_ids[0] ?? '',
  );
  expect(asset).toMatchObject({
    kind: 'joined',
    parents: [länder._id, zahlen._id],
    sources: [],
    row_count: 4,
    crs: 'EPSG:4326',
    join: joinData(ready).join,
    recipe: { name: 'join', steps: ['LoadSpatial', 'LoadTabular', 'Join'] },
    columns: [
      { name: 'code', type: 'text' },
      { name: 'nr', type: 'integer' },
      { name: 'Name 🚗', type: 'text' },
      { name: 'zahlen', type: 'integer[]' },
      { name: 'größe', type: 'numeric(6,2)' },
      { name: 'geom', type: 'geometry' },
    ],
  });
  const path = join(scratchRoot(context.env), 'joined.parquet');
  await context.objects.download('data-lake', asset?.s3_key ?? '', path, { maxBytes: 1e9, signal: context.signal });
  const { rows, geo } = await readGeoParquet(path);
  expect(rows.map((row) => [row.code, row.größe])).toEqual(
    expect.arrayContaining([
      ['DE', 83.2],
      ['FR', 67.5],
      ['IT', null],
      [null, null],
    ]),
  );
  expect(geo.columns.geom).toMatchObject({ geometry_types: ['Point'], bbox: [2, 42, 12, 51] });

  // A repeated join reuses the asset. A joined asset can be joined again.
  const whole = await completeAsset(context, { run_id: ready.subject ?? '' }, asset?._id ?? '');
  const repeat = await exportGeoparquet((await joined({ columns: ['größe'] })).ready, context);
  expect(repeat?.data).toMatchObject({ reused: true, asset_ids: [whole._id] });
  const again = await joined({ spatial_asset_id: whole._id, columns: ['größe'] });
  expect(joinData(again.ready).parents).toEqual([whole._id, zahlen._id]);
  expect(again.rows.map((row) => [row.größe, row.t_größe])).toEqual([
    ['83.20', '83.20'],
    ['67.50', '67.50'],
    [null, null],
    [null, null],
  ]);
});

test('dataset:NAME is the newest version of a dataset', async () => {
  const newer = await tabularAsset(context, 'zahlen', `select 'DE' as code, 1::bigint as neu`, [
    { name: 'code', type: TEXT },
    { name: 'neu', type: 'bigint' },
  ]);
  const { ready, rows } = await joined({ spatial_asset_id: 'dataset:länder', tabular_asset_id: 'dataset:zahlen' });
  expect(joinData(ready).parents).toEqual([länder._id, newer._id]);
  await tabularAsset(context, 'länder', 'select 1 as fremd', [{ name: 'fremd', type: 'integer' }]);
  expect(
    joinData((await joined({ spatial_asset_id: 'dataset:länder', tabular_asset_id: newer._id })).ready).parents,
    'a newer version of another kind',
  ).toEqual([länder._id, newer._id]);
  const byId = await joined({ spatial_asset_id: länder._id, tabular_asset_id: newer._id });
  expect(joinData(byId.ready).parameters, 'which decide the source_hash').toEqual(joinData(ready).parameters);
  expect(rows.map(({ neu }) => neu)).toEqual(['1', null, null, null]);
});

test('integers and decimals are compared by value', async () => {
  const table = await tabularAsset(
    context,
    'breiten',
    `select * from (values (2::decimal(12,3), 'zwei'), (4, 'vier')) as t (id, wort)`,
    [
      { name: 'id', type: 'numeric(12,3)' },
      { name: 'wort', type: TEXT },
    ],
  );
  const { rows } = await joined({ tabular_asset_id: table._id, left_key: 'nr', right_key: 'id', columns: ['wort'] });
  expect(rows.map(({ wort }) => wort)).toEqual([null, 'zwei', null, 'vier']);
});

test('several rows with one key are an error, or several features', async () => {
  const table = await tabularAsset(
    context,
    'doppelt',
    `select * from (values ('FR', 1), ('DE', 2), ('FR', 3), ('DE', 4), ('FR', 5), (null, 6), (null, 7)) as t (code, wert)`,
    [
      { name: 'code', type: TEXT },
      { name: 'wert', type: 'integer' },
    ],
  );
  expect(await failure({ tabular_asset_id: table._id })).toMatchObject({
    code: 'JOIN_KEY_DUPLICATE',
    details: {
      count: 2,
      sample: [
        { key: 'FR', rows: 3 },
        { key: 'DE', rows: 2 },
      ],
    },
    message: expect.stringContaining('2 values of column "code" are in several rows of doppelt, version 1') as string,
  });
  const { ready, rows } = await joined({ tabular_asset_id: table._id, allow_duplicate_keys: true });
  const fids = rows.map(({ sluice_fid }) => Number(sluice_fid));
  expect(new Set(fids).size).toBe(fids.length);
  expect(rows.filter(({ code }) => code === 'FR').map(({ wert }) => wert)).toEqual([1, 3, 5]);
  expect(rows).toHaveLength(7);
  expect(joinData(ready).join).toMatchObject({ matched_rows: 5, null_keys: { spatial: 1, tabular: 2 } });
});

test('replaces the tables of a worker that ended; a repeated event returns the recorded reply', async () => {
  const { run, requested } = await requestJoin(context, config());
  const dead = await claimStep(context.ledger, run.run_id, 'join', 0);
  const session = await context.postgis.openSession(dead, context.signal);
  await session.query(
    'create table join_spatial (half int); create table join_tabular_keys (half int); create table processed (half int)',
  );
  const ready = await handler(requested, context);
  expect(joinData(ready).join?.matched_rows).toBe(2);
  await expect(session.query('drop table join_spatial')).rejects.toThrow(); // Its session was ended.
  await session.close();
  expect(await handler(requested, context)).toEqual(ready);
});

test('joins a table without rows', async () => {
  const table = await tabularAsset(context, 'leer', `select 'x' as code, 1 as wert where false`, [
    { name: 'code', type: TEXT },
    { name: 'wert', type: 'integer' },
  ]);
  const { rows, ready } = await joined({ tabular_asset_id: table._id });
  expect(rows).toHaveLength(4);
  expect(joinData(ready).join).toEqual({
    matched_rows: 0,
    unmatched_spatial: { count: 3, sample: ['DE', 'FR', 'IT'] },
    unmatched_tabular: { count: 0, sample: [] },
    null_keys: { spatial: 1, tabular: 0 },
  });
  expect((await joined({ tabular_asset_id: table._id, how: 'inner' })).rows).toEqual([]);
});

test('a cancellation ends a long join', async () => {
  const [points, table] = await Promise.all([
    spatialAsset(
      context,
      'viele',
      `select n::bigint as sluice_fid, 1 as key, st_setsrid(st_makepoint(1, 1), 4326) as geom from generate_series(1, 20000) as n`,
      { rows: 20_000 },
    ),
    tabularAsset(context, 'viele_zahlen', `select 1 as key, i as wert from range(0, 20000) as t (i)`, [
      { name: 'key', type: 'integer' },
      { name: 'wert', type: 'bigint' },
    ]),
  ]);
  const { run, requested } = await requestJoin(
    context,
    config({
      spatial_asset_id: points._id,
      tabular_asset_id: table._id,
      left_key: 'key',
      right_key: 'key',
      allow_duplicate_keys: true,
    }),
  );
  const working = handler(requested, context);
  const watcher = await context.postgis.openSession({ runId: run.run_id, step: 'archive', token: 1 }, context.signal);
  await vi.waitUntil(
    async () =>
      (
        await watcher.query(
          `select from pg_stat_activity where state = 'active' and query like 'create unlogged table processed%'`,
        )
      ).length > 0,
    { timeout: 30_000, interval: 20 },
  );
  await watcher.close();
  await context.ledger.endRun(run.run_id, 'canceled', null);
  expect(await working).toBeUndefined();
  const ended = await context.ledger.getRun(run.run_id);
  expect(ended?.steps[0]).toMatchObject({ status: 'failed', reply: null });
}, 60_000);
