import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BatchView, ManifestOptionsView } from '#shared/api/views.ts';
import { startGateway, type TestGateway } from '../../../tests/gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({}, { MAX_FILE_BYTES: '1000' });
});
afterAll(() => gateway.stop());

const post = async (path: string, body: unknown) => {
  const reply = await gateway.app.request(`/api/${path}`, { method: 'POST', body: JSON.stringify(body) });
  return { status: reply.status, body: (await reply.json()) as Record<string, unknown> };
};
const file = { path: 's3://landing-zone/uploads/1/Straßen #1.gpkg', type: 'vector', format: 'GPKG' };

describe('POST /api/uploads/plan', () => {
  test('groups files, and proposes a dataset', async () => {
    const files = ['Straßen #1.shp', 'Straßen #1.dbf', 'Straßen #1.shx'].map((path) => ({ path }));
    expect(await post('uploads/plan', { files })).toEqual({
      status: 200,
      body: {
        files: [
          {
            path: 'Straßen #1.shp',
            format: 'ESRI Shapefile',
            type: 'vector',
            parts: ['Straßen #1.shp', 'Straßen #1.dbf', 'Straßen #1.shx'],
            problem: null,
          },
        ],
        dataset_id: 'Straßen_1',
        max_file_bytes: 1000,
      },
    });
    expect((await post('uploads/plan', { files: [] })).body).toMatchObject({ files: [], dataset_id: null });
  });

  test('rejects a request with unknown fields', async () => {
    expect(await post('uploads/plan', { files: [{ path: 'a.shp', size: 1 }] })).toMatchObject({
      status: 400,
      body: { error: { code: 'REQUEST_INVALID' } },
    });
  });
});

describe('POST /api/batches', () => {
  test('uploads a manifest with a unique batch_id', async () => {
    const draft = { dataset_id: 'straßen', uploader: 'zoë', files: [file], metadata: { description: 'é' } };
    const { status, body } = await post('batches', draft);
    expect(status).toBe(201);
    const { batch_id, manifest_key } = body as unknown as BatchView;
    expect(batch_id).toMatch(/^straßen-\d{8}T\d{6}-[0-9a-f]{6}$/);
    expect(manifest_key).toBe(`manifests/${batch_id}.json`);
    const stored = await gateway.deps.objects.readBytes('landing-zone', manifest_key, { maxBytes: 10_000 });
    expect(JSON.parse(stored.toString())).toEqual({
      batch_id,
      uploader: 'zoë',
      intent: 'ingest_vector',
      files: [file],
      metadata: { description: 'é', tags: { dataset_id: 'straßen' } },
    });
    expect(((await post('batches', draft)).body as unknown as BatchView).batch_id).not.toBe(batch_id);
  });

  test('rejects an invalid draft, and stores nothing', async () => {
    const before = await manifestCount();
    expect(await post('batches', { dataset_id: 'a/b', files: [file] })).toMatchObject({
      status: 422,
      body: { error: { code: 'MANIFEST_INVALID', details: { issues: [{ field: 'metadata.tags.dataset_id' }] } } },
    });
    expect(await manifestCount()).toBe(before);
  });
});

async function manifestCount(): Promise<number> {
  const keys = [];
  for await (const { key } of gateway.deps.objects.list('landing-zone', 'manifests/')) keys.push(key);
  return keys.length;
}

test.each([
  ['an invalid dataset', { dataset_id: '-a' }, 'metadata.tags.dataset_id', /must be 1 to 100 letters/],
  ['an option without effect', { files: [{ ...file, x_column: 'x' }] }, 'files[0].x_column', /has no effect/],
  [
    'files of two types',
    { files: [file, { ...file, path: 's3://landing-zone/b.tif', type: 'raster' }] },
    'files[1].type',
    /requires vector files/,
  ],
  ['no file', { files: [], intent: 'ingest_vector' }, 'files', /at least one file/],
  [
    'an unknown field',
    { metadata: { recipe: { tolerance: 1 } } },
    'metadata.recipe.tolerance',
    /^is an unknown field; expected one of /,
  ],
  [
    'a wrong step',
    { metadata: { recipe: { steps: [{ step: 'x' }] } } },
    'metadata.recipe.steps[0].step',
    /must be one/,
  ],
])('POST /api/batches/check reports %s', async (_, changed, field, message) => {
  const { status, body } = await post('batches/check', { dataset_id: 'a', files: [file], ...changed });
  expect(status).toBe(200);
  expect(body.issues).toEqual([{ field, message: expect.stringMatching(message) as string }]);
});

test('POST /api/batches/check accepts a valid draft', async () => {
  const metadata = { recipe: { steps: [{ step: 'explode' }] } };
  expect((await post('batches/check', { dataset_id: 'a', files: [file], metadata })).body).toEqual({ issues: [] });
});

test('GET /api/manifest-options lists formats, recipes and the schemas of steps', async () => {
  const options = (await (await gateway.app.request('/api/manifest-options')).json()) as ManifestOptionsView;
  expect(options.formats.vector).toContain('ESRI Shapefile');
  expect(options.recipes.map(({ intent }) => intent)).toEqual(
    expect.arrayContaining([null, 'ingest_road_network', 'ingest_parcels']),
  );
  expect(options.steps.find(({ name }) => name === 'clip')?.schema).toMatchObject({ required: ['step', 'bounds'] });
});
