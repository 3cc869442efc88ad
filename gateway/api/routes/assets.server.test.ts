import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AssetDocument, RunDocument } from '#shared/ledger/documents.ts';
import { admitBatch, assetDraft } from '../../../tests/fixtures/documents.ts';
import { startGateway, type TestGateway } from '../../../tests/gateway.ts';

const BYTES = Buffer.from('0123456789');
const SHA256 = createHash('sha256').update(BYTES).digest('hex');
let gateway: TestGateway;
let url: string;
let asset: AssetDocument;
let run: RunDocument;

beforeAll(async () => {
  gateway = await startGateway({}, { PUBLIC_URL: 'http://localhost:8443/' });
  url = await gateway.listen();
  const { ledger, objects } = gateway.deps;
  run = await admitBatch(ledger, { batchId: 'b1', datasetId: 'forêts' });
  const claim = await ledger.claimStep({ runId: run.run_id, step: 'load-to-postgis', owner: 'test', leaseSeconds: 60 });
  assert(claim.outcome === 'claimed', `The claim is ${claim.outcome}.`);
  asset = await ledger.registerAsset(
    { runId: run.run_id, step: 'load-to-postgis', token: claim.token },
    assetDraft(run, { content_hash: SHA256, size_bytes: BYTES.length }),
  );
  await objects.put('data-lake', asset.s3_key, BYTES);
});
afterAll(() => gateway.stop());

const view = () => ({
  id: asset._id,
  dataset_id: 'forêts',
  version: 1,
  kind: 'spatial',
  s3_key: asset.s3_key,
  url: `http://localhost:8443/api/assets/${asset._id}/download`,
  row_count: 3,
  crs: 'EPSG:4326',
  bbox: [-1, 50, 1.5, 52],
  geometry_types: ['MultiPolygon'],
  columns: [
    { name: 'größe', type: 'double precision' },
    { name: 'select', type: 'text' },
  ],
  quality: { null_geometries: 0, empty_geometries: 0, repaired_geometries: 1, notes: [] },
  content_hash: SHA256,
  size_bytes: 10,
  created_at: asset.created_at,
});

test('returns assets and one asset', async () => {
  expect(await (await fetch(`${url}/api/assets`)).json()).toEqual([view()]);
  expect(
    await (await fetch(`${url}/api/assets?dataset_id=${encodeURIComponent('forêts')}&limit=1`)).json(),
  ).toHaveLength(1);
  expect(await (await fetch(`${url}/api/assets?dataset_id=roads`)).json()).toEqual([]);
  expect(await (await fetch(`${url}/api/assets/${asset._id}`)).json()).toMatchObject({
    ...view(),
    recipe: { name: 'default' },
    sources: [],
    iso: null,
  });
  expect(await (await fetch(`${url}/api/datasets`)).json()).toMatchObject([
    { dataset_id: 'forêts', latest_version: 1 },
  ]);
});

test('returns the asset of a run', async () => {
  expect(await (await fetch(`${url}/api/runs/${run.run_id}`)).json()).toMatchObject({
    run_id: run.run_id,
    asset: view(),
  });
});

test.each(['nothing', 'f'.repeat(24), '%2500'])('returns 404 for the asset %s', async (id) => {
  for (const path of [`/api/assets/${id}`, `/api/assets/${id}/download`]) {
    const reply = await fetch(url + path);
    expect([reply.status, await reply.json()]).toMatchObject([404, { error: { code: 'ASSET_NOT_FOUND' } }]);
  }
});

test.each(['limit=0', 'limit=x', 'offset=-1', 'nothing=1'])('rejects ?%s', async (query) => {
  const reply = await fetch(`${url}/api/assets?${query}`);
  expect([reply.status, await reply.json()]).toMatchObject([400, { error: { code: 'REQUEST_INVALID' } }]);
});

const download = (headers: Record<string, string> = {}, method = 'GET') =>
  fetch(`${url}/api/assets/${asset._id}/download`, { method, headers });

test('downloads the object with its file name, length and hash', async () => {
  const reply = await download();
  expect(reply.status).toBe(200);
  expect(Object.fromEntries(reply.headers)).toMatchObject({
    'content-length': '10',
    'content-type': 'application/vnd.apache.parquet',
    etag: `"${SHA256}"`,
    'accept-ranges': 'bytes',
    'content-disposition': "attachment; filename=forets-v1.parquet; filename*=UTF-8''for%C3%AAts-v1.parquet",
  });
  expect(await reply.text()).toBe('0123456789');
});

test('returns the same headers for HEAD, without the object', async () => {
  const reply = await download({}, 'HEAD');
  expect([reply.status, reply.headers.get('content-length'), reply.headers.get('etag'), await reply.text()]).toEqual([
    200,
    '10',
    `"${SHA256}"`,
    '',
  ]);
});

test('returns ranges, which Parquet readers request', async () => {
  const footer = await download({ range: 'bytes=-4' });
  expect([
    footer.status,
    footer.headers.get('content-range'),
    footer.headers.get('content-length'),
    await footer.text(),
  ]).toEqual([206, 'bytes 6-9/10', '4', '6789']);
  expect(await (await download({ range: 'bytes=2-3' })).text()).toBe('23');
  const outside = await download({ range: 'bytes=10-' });
  expect([outside.status, outside.headers.get('content-range')]).toEqual([416, 'bytes */10']);
});

test('supports conditional requests', async () => {
  expect((await download({ 'if-none-match': `W/"x", "${SHA256}"` })).status).toBe(304);
  expect((await download({ 'if-none-match': '"x"' })).status).toBe(200);
  expect((await download({ 'if-range': `"${SHA256}"`, range: 'bytes=0-0' })).status).toBe(206);
  expect((await download({ 'if-range': '"older"', range: 'bytes=0-0' })).status).toBe(200);
});

test('returns an error with advice for an asset whose object is missing in the lake', async () => {
  await gateway.deps.objects.delete('data-lake', asset.s3_key);
  const reply = await download();
  expect(reply.status).toBe(404);
  expect(await reply.json()).toMatchObject({
    error: {
      code: 'ASSET_NOT_FOUND',
      message: `The object of asset ${asset._id} is missing in the lake. Restore it, or rerun its run with --force.`,
      details: { s3_key: asset.s3_key },
    },
  });
});
