import { existsSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deterministicObjectId } from '#shared/events/event.ts';
import { scratchRoot } from '#shared/runtime/scratch.ts';
import { type JoinFixture, openJoinFixture, TEXT } from '../../tests/fixtures/join.ts';
import { requestJoin, spatialAsset, tabularAsset } from '../../tests/lake-assets.ts';
import { claimStep } from '../../tests/loaded-run.ts';

let fixture: JoinFixture;
let context: JoinFixture['context'];
let länder: JoinFixture['länder'];
let zahlen: JoinFixture['zahlen'];
let config: JoinFixture['config'];
let failure: JoinFixture['failure'];
beforeAll(async () => {
  fixture = await openJoinFixture();
  ({ context, länder, zahlen, config, failure } = fixture);
});
afterAll(() => fixture[Symbol.asyncDispose]());

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
      'Ingest the table again with metadata.tabular.columns: {"code": "bigint"}.',
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

test('rejects a CRS without an EPSG code', async () => {
  const select = `select 1::bigint as sluice_fid, 'DE' as code, st_setsrid(st_makepoint(10, 51), 4326) as geom`;
  const asset = await spatialAsset(context, 'crs84', select, { rows: 1, crs: 'OGC:CRS84' });
  expect(await failure({ spatial_asset_id: asset._id })).toMatchObject({
    code: 'ASSET_CRS_UNSUPPORTED',
    message: `crs84, version 1 (${asset._id}) has the CRS OGC:CRS84, which has no EPSG code. A join requires an EPSG code.`,
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
    message: expect.stringMatching(/^Row 2, column "Wört #1" of nul, version 1 \([\da-f]{24}\): /) as string,
    details: { row: 2, column: 'Wört #1' },
  });
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
