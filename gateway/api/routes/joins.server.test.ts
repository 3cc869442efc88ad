import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JoinSourceDetailView, JoinSourcesView } from '#shared/api/views.ts';
import type { AssetDocument, AssetDraft } from '#shared/ledger/documents.ts';
import { claimed, registerCompleteAsset } from '../../../tests/contract/samples.ts';
import { admitBatch, assetDraft } from '../../../tests/fixtures/documents.ts';
import { startGateway, type TestGateway } from '../../../tests/gateway.ts';

/** The assets that a person can join. */

let gateway: TestGateway;
let streets: AssetDocument;
let prices: AssetDocument;
let unfinished: AssetDocument;

async function asset(datasetId: string, fields: Partial<AssetDraft> = {}, isComplete = true): Promise<AssetDocument> {
  const { ledger } = gateway.deps;
  const run = await admitBatch(ledger, { datasetId });
  const claim = await claimed(ledger, run, 'export-geoparquet');
  const draft = assetDraft(run, fields);
  return isComplete ? registerCompleteAsset(ledger, claim, draft) : ledger.registerAsset(claim, draft);
}

beforeAll(async () => {
  gateway = await startGateway();
  await asset('straßen');
  streets = await asset('straßen', {
    columns: [
      { name: 'id', type: 'integer' },
      { name: 'Name #1', type: 'character varying(80)' },
      { name: 'länge', type: 'real' },
      { name: 'eigenschaften', type: 'json' },
      { name: 'seit', type: 'date' },
      { name: 'geom', type: 'geometry' },
    ],
  });
  unfinished = await asset('straßen', {}, false);
  prices = await asset('preise', { kind: 'tabular', crs: null, bbox: null, geometry_types: [] });
  await asset('höhen', { kind: 'raster' });
  await asset('verbunden', { kind: 'joined' });
  await asset('neu', {}, false);
});
afterAll(() => gateway.stop());

const get = async (path: string) => {
  const response = await gateway.app.request(`/api/joins/${path}`);
  return { status: response.status, body: (await response.json()) as JoinSourcesView };
};

test('lists the newest complete version of each dataset that can be a side of a join', async () => {
  const { status, body } = await get('sources?side=spatial');
  expect(status).toBe(200);
  expect(body.is_complete).toBe(true);
  expect(body.sources.map(({ dataset_id, version }) => `${dataset_id} ${version}`).sort()).toEqual([
    'straßen 2',
    'verbunden 1',
  ]);
  expect(body.sources.find(({ id }) => id === streets._id)).toEqual({
    id: streets._id,
    dataset_id: 'straßen',
    version: 2,
    kind: 'spatial',
    row_count: 3,
    geometry_types: ['MultiPolygon'],
    crs: 'EPSG:4326',
    created_at: streets.created_at,
  });
  expect((await get('sources?side=tabular')).body.sources).toMatchObject([{ id: prices._id, kind: 'tabular' }]);
});

test('finds datasets by a part of their name', async () => {
  const found = async (text: string) =>
    (await get(`sources?side=spatial&text=${encodeURIComponent(text)}`)).body.sources.map((each) => each.dataset_id);
  expect(await found('STRA')).toEqual(['straßen']);
  expect(await found('%')).toEqual([]);
});

test('returns the columns that can be keys, with the family of their types', async () => {
  const response = await gateway.app.request(`/api/joins/sources/${streets._id}`);
  expect(((await response.json()) as JoinSourceDetailView).keys).toEqual([
    { name: 'id', type: 'integer', family: 'number' },
    { name: 'Name #1', type: 'character varying(80)', family: 'text' },
    { name: 'länge', type: 'real', family: 'float' },
    { name: 'seit', type: 'date', family: 'date' },
  ]);
});

test('an unknown asset, and one of a run that has not ended, are not found', async () => {
  for (const id of ['f'.repeat(24), 'nö', unfinished._id])
    expect(await get(`sources/${encodeURIComponent(id)}`)).toMatchObject({
      status: 404,
      body: { error: { code: 'ASSET_NOT_FOUND' } },
    });
});

test('rejects an unknown side', async () => {
  expect(await get('sources?side=left')).toMatchObject({ status: 400, body: { error: { code: 'REQUEST_INVALID' } } });
});
