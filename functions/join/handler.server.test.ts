import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { deterministicObjectId, type EventData, type SluiceEvent } from '#shared/events/event.ts';
import type { AssetDocument } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';
import { scratchRoot } from '#shared/runtime/scratch.ts';
import { openFunctionContext } from '../../tests/function-context.ts';
import { readGeoParquet } from '../../tests/geoparquet.ts';
import { claimStep } from '../../tests/loaded-run.ts';
import { handler as exportGeoparquet } from '../export-geoparquet/handler.ts';
import { handler } from './handler.ts';
import { completeAsset, requestJoin, spatialAsset, tabularAsset } from '../../tests/lake-assets.ts';

let context: Context & AsyncDisposable;
let länder: AssetDocument;
let zahlen: AssetDocument;
const TEXT = 'text';

beforeAll(async () => {
  context = await openFunctionContext();
  länder = await spatialAsset(
    context,
    'länder',
    `select * from (values
    (1::bigint, 'DE', 1::integer, 'Größe #1 é', null::integer[], st_setsrid(st_makepoint(10, 51), 4326)),
    (2, 'FR', 2, '', array[1, null, 3], st_setsrid(st_makepoint(2, 47), 4326)),
    (3, 'IT', 3, null, '{}', null),
    (4, null, 4, E'zwei\nZeilen\t"q"', array[4], st_setsrid(st_makepoint(12, 42), 4326))) as t (sluice_fid, code, nr, "Name 🚗", zahlen, geom)`,
    { rows: 4 },
  );
  zahlen = await tabularAsset(
    context,
    'zahlen',
    `select * from (values ('FR', 67.5::decimal(6,2), date '1789-07-14', 'x'), ('DE', 83.2, date '1990-10-03', ''), ('XX', 0, null, null), (null, 1, null, 'nirgends')) as t (code, "größe", gegründet, nr)`,
    [
      { name: 'code', type: TEXT },
      { name: 'größe', type: 'numeric(6,2)' },
      { name: 'gegründet', type: 'date' },
      { name: 'nr', type: TEXT },
    ],
  );
});
afterAll(() => context[Symbol.asyncDispose]());

const data = (event: SluiceEvent | undefined) => event?.data as EventData<'sluice.table.ready'>;
const config = (fields: object = {}) => ({
  spatial_asset_id: länder._id,
  tabular_asset_id: zahlen._id,
  left_key: 'code',
  right_key: 'code',
  ...fields,
});

async function joined(fields: object = {}): Promise<{ ready: SluiceEvent; rows: Record<string, unknown>[] }> {
  const { run, requested } = await requestJoin(context, config(fields));
  const ready = await handler(requested, context);
  assert(ready !== undefined, 'The join returned no event.');
  return { ready, rows: await rowsOf(run.run_id) };
}

/** The rows in the order of the expected values. */
async function rowsOf(
  runId: string,
  sql = 'select * from processed order by nr, sluice_fid',
): Promise<Record<string, unknown>[]> {
  const session = await context.postgis.openSession({ runId, step: 'join', token: 999 }, context.signal);
  try {
    return await session.query(sql);
  } finally {
    await session.close();
  }
}

async function failure(fields: object): Promise<unknown> {
  const { requested } = await requestJoin(context, config(fields));
  return handler(requested, context).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
}

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
  expect(data(ready)).toMatchObject({
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
  expect(data(ready).steps.map(({ step, output, row_count }) => [step, output, row_count])).toEqual([
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
  expect(data(ready).join).toMatchObject({ matched_rows: 2 });
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
    join: data(ready).join,
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
  expect(data(again.ready).parents).toEqual([whole._id, zahlen._id]);
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
  expect(data(ready).parents).toEqual([länder._id, newer._id]);
  await tabularAsset(context, 'länder', 'select 1 as fremd', [{ name: 'fremd', type: 'integer' }]);
  expect(
    data((await joined({ spatial_asset_id: 'dataset:länder', tabular_asset_id: newer._id })).ready).parents,
    'a newer version of another kind',
  ).toEqual([länder._id, newer._id]);
  const byId = await joined({ spatial_asset_id: länder._id, tabular_asset_id: newer._id });
  expect(data(byId.ready).parameters, 'which decide the source_hash').toEqual(data(ready).parameters);
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
  expect(data(ready).join).toMatchObject({ matched_rows: 5, null_keys: { spatial: 1, tabular: 2 } });
});

test.each([
  [
    'an asset that does not exist',
    { spatial_asset_id: 'f'.repeat(24) },
    'ASSET_NOT_FOUND',
    'metadata.join_config.spatial_asset_id: the asset "ffffffffffffffffffffffff" does not exist.',
  ],
  [
    'a dataset without assets',
    { tabular_asset_id: 'dataset:nichts #1' },
    'ASSET_NOT_FOUND',
    'metadata.join_config.tabular_asset_id: the dataset "nichts #1" has no assets.',
  ],
  [
    'a spatial key that is missing',
    { left_key: 'Code' },
    'JOIN_COLUMN_MISSING',
    'metadata.join_config.left_key: länder, version 1 (',
  ],
  [
    'the geometry as key',
    { left_key: 'geom' },
    'JOIN_COLUMN_MISSING',
    'has no column "geom". Its columns are "code", "nr", "Name 🚗", "zahlen".',
  ],
  ['a column to keep that is missing', { columns: ['größe', 'hoehe'] }, 'JOIN_COLUMN_MISSING', 'has no column "hoehe"'],
  [
    'text and a number',
    { left_key: 'nr', right_key: 'code' },
    'JOIN_KEY_TYPE_MISMATCH',
    ', …), but right_key "code" is text ("FR", "DE", "XX", …). Values of these types cannot be compared exactly. ' +
      'Declare "code" as bigint (--column-type).',
  ],
])('rejects %s', async (_what, fields, code, message) => {
  expect(await failure(fields)).toMatchObject({ code, message: expect.stringContaining(message) as string });
});

test('rejects assets of the wrong kind', async () => {
  expect(await failure({ spatial_asset_id: zahlen._id })).toMatchObject({
    code: 'ASSET_KIND_MISMATCH',
    message: expect.stringContaining('is a tabular asset. This field requires a spatial or joined asset.') as string,
  });
  expect(await failure({ tabular_asset_id: länder._id })).toMatchObject({
    code: 'ASSET_KIND_MISMATCH',
    details: { field: 'metadata.join_config.tabular_asset_id', kind: 'spatial' },
  });
});

test('rejects a missing or changed object', async () => {
  const table = await tabularAsset(context, 'verändert', `select 'DE' as code`, [{ name: 'code', type: TEXT }]);
  await context.objects.put('data-lake', table.s3_key, Buffer.alloc(table.size_bytes, 1));
  expect(await failure({ tabular_asset_id: table._id })).toMatchObject({
    code: 'ASSET_CHANGED',
    message: expect.stringContaining(`${table.content_hash} is in the ledger`) as string,
  });
  await context.objects.put('data-lake', table.s3_key, Buffer.alloc(table.size_bytes + 1, 1));
  expect(await failure({ tabular_asset_id: table._id })).toMatchObject({
    code: 'ASSET_CHANGED',
    message: expect.stringContaining('is larger than') as string,
  });
  await context.objects.delete('data-lake', table.s3_key);
  expect(await failure({ tabular_asset_id: table._id })).toMatchObject({
    code: 'ASSET_CHANGED',
    message: expect.stringContaining('is not in the lake') as string,
    details: { asset_id: table._id },
  });
  expect(
    existsSync(scratchRoot(context.env))
      ? readdirSync(scratchRoot(context.env)).filter((name) => name.includes('.join.'))
      : [],
  ).toEqual([]);
});

test('names the row and column of a value that PostgreSQL cannot store', async () => {
  const table = await tabularAsset(
    context,
    'nul',
    `select * from (values ('DE', 'gut'), ('FR', 'a' || chr(0) || 'b')) as t (code, "Wört #1")`,
    [
      { name: 'code', type: TEXT },
      { name: 'Wört #1', type: TEXT },
    ],
  );
  expect(await failure({ tabular_asset_id: table._id })).toMatchObject({
    code: 'ASSET_VALUE_INVALID',
    details: { row: 2, column: 'Wört #1' },
  });
});

test('replaces the tables of a worker that died; a repeated event returns the recorded reply', async () => {
  const { run, requested } = await requestJoin(context, config());
  const dead = await claimStep(context.ledger, run.run_id, 'join', 0);
  const session = await context.postgis.openSession(dead, context.signal);
  await session.query(
    'create table join_spatial (half int); create table join_tabular_keys (half int); create table processed (half int)',
  );
  const ready = await handler(requested, context);
  expect(data(ready).join?.matched_rows).toBe(2);
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
  expect(data(ready).join).toEqual({
    matched_rows: 0,
    unmatched_spatial: { count: 3, sample: ['DE', 'FR', 'IT'] },
    unmatched_tabular: { count: 0, sample: [] },
    null_keys: { spatial: 1, tabular: 0 },
  });
  expect((await joined({ tabular_asset_id: table._id, how: 'inner' })).rows).toEqual([]);
});

test('rejects an asset of a run that has not ended', async () => {
  const { run } = await requestJoin(context, config());
  const claim = await claimStep(context.ledger, run.run_id, 'join');
  const { version: _version, created_at: _created, ...draft } = zahlen;
  const unfinished = await context.ledger.registerAsset(claim, {
    ...draft,
    _id: deterministicObjectId('unfinished'),
    dataset_id: 'unfertig',
    s3_key: 'unfertig/x',
    stac_key: null,
  });
  expect(await failure({ tabular_asset_id: unfinished._id })).toMatchObject({ code: 'ASSET_NOT_FOUND' });
  expect(await failure({ tabular_asset_id: 'dataset:unfertig' })).toMatchObject({ code: 'ASSET_NOT_FOUND' });
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
