import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { itemKey } from '#shared/contracts/object-keys.ts';
import type { AssetDocument, RunDocument } from '#shared/ledger/documents.ts';
import type { RetentionView, RunView } from '#shared/api/views.ts';
import { inconsistencies } from '../lake-consistency.ts';
import { startTestSluice, type TestSluice } from '../running-sluice.ts';

/** A batch takes less than a second; 10 concurrent batches on a busy machine take longer. */
const POLL = { timeout: 50_000, interval: 50 };
const CONCURRENT_RUNS = 10;
const RASTER = new URL('../data/raster/olinda_dem_utm25s.tif', import.meta.url);

let sluice: TestSluice;
beforeAll(async () => {
  sluice = await startTestSluice();
});
afterAll(() => sluice[Symbol.asyncDispose]());

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index);
const json = async <T>(path: string, init?: RequestInit) =>
  (await (await fetch(`${sluice.url}${path}`, init)).json()) as T;
const versions = async (datasetId: string) =>
  (await sluice.context.ledger.listAssets({ dataset_id: datasetId, limit: 100 }))
    .map(({ version }) => version)
    .sort((a, b) => a - b);
const activities = async () =>
  (await sluice.context.ledger.listActivity({ limit: 1000 })).map(
    ({ activity, operator, message }) => `${operator}: ${activity}: ${message}`,
  );

/** A GeoJSON file of five points, which differ for each `seed`. */
function points(seed: number): string {
  const features = range(1, 5).map((n) => ({
    type: 'Feature',
    properties: { Art: `Linde № ${seed}.${n} 🌳` },
    geometry: { type: 'Point', coordinates: [8 + seed / 100, 47 + n / 100] },
  }));
  return JSON.stringify({ type: 'FeatureCollection', features });
}

/** Uploads a GeoJSON file and its manifest. */
async function upload(
  batchId: string,
  datasetId: string,
  content: string,
  metadata: object = {},
  file = `${batchId}/bäume #1.geojson`,
): Promise<void> {
  await sluice.context.objects.put('landing-zone', file, content);
  await uploadManifest(
    batchId,
    datasetId,
    { intent: 'ingest_vector', files: [{ path: `s3://landing-zone/${file}`, type: 'vector', format: 'GeoJSON' }] },
    metadata,
  );
}

async function uploadManifest(
  batchId: string,
  datasetId: string,
  fields: object,
  metadata: object = {},
): Promise<void> {
  await sluice.context.objects.put(
    'landing-zone',
    `manifests/${batchId}.json`,
    JSON.stringify({
      batch_id: batchId,
      uploader: 'zoë',
      ...fields,
      metadata: { tags: { dataset_id: datasetId }, ...metadata },
    }),
  );
}

/** Waits until all steps of the run are done, and returns the run. */
async function finished(batchId: string): Promise<RunDocument> {
  const run = await vi.waitUntil(
    async () =>
      (await sluice.context.ledger.listRuns({ batch_id: batchId })).find(({ steps }) =>
        steps.every(({ status }) => status === 'done'),
      ),
    POLL,
  );
  expect(run).toMatchObject({ status: 'success', error: null });
  return run;
}

async function ingest(...upload_: Parameters<typeof upload>): Promise<{ run: RunDocument; asset: AssetDocument }> {
  await upload(...upload_);
  return { run: await finished(upload_[0]), asset: await assetOf(upload_[0]) };
}

async function assetOf(batchId: string): Promise<AssetDocument> {
  const [asset] = await sluice.context.ledger.getAssets((await finished(batchId)).asset_ids);
  assert(asset !== undefined, `Batch ${batchId} has no asset.`);
  return asset;
}

test(`${CONCURRENT_RUNS} concurrent runs of one dataset create ${CONCURRENT_RUNS} consecutive versions and a consistent lake`, async () => {
  const batches = range(1, CONCURRENT_RUNS).map((n) => `park ${n} #é`);
  await Promise.all(batches.map((batchId, index) => upload(batchId, 'park', points(index))));
  for (const batchId of batches) await finished(batchId);
  expect(await versions('park')).toEqual(range(1, CONCURRENT_RUNS));
  const collection = JSON.parse(
    (await sluice.context.objects.readBytes('data-lake', 'park/collection.json', { maxBytes: 1e6 })).toString(),
  ) as { links: { rel: string; href: string }[] };
  expect(
    collection.links
      .filter(({ rel }) => rel === 'item')
      .map(({ href }) => href)
      .sort(),
  ).toEqual(
    range(1, CONCURRENT_RUNS)
      .map((version) => `./v${version}.json`)
      .sort(),
  );
  expect(await inconsistencies(sluice.context)).toEqual([]);
});

test('assets of every kind have consistent documents, also after the removal of a parent', async () => {
  const { objects } = sluice.context;
  await objects.put('landing-zone', 'arten/höhe #1.tif', await readFile(RASTER));
  await objects.put(
    'landing-zone',
    'arten/preise é.csv',
    'Art;Preis\n"Linde № 7.1 🌳";"1,5"\n"Linde № 7.2 🌳";"2,5"\nEsche;3\n',
  );
  await uploadManifest('arten raster', 'höhe', {
    intent: 'ingest_raster',
    files: [{ path: 's3://landing-zone/arten/höhe #1.tif', type: 'raster', format: 'GTiff' }],
  });
  await uploadManifest('arten tabelle', 'preise', {
    intent: 'ingest_tabular',
    files: [{ path: 's3://landing-zone/arten/preise é.csv', type: 'tabular', format: 'CSV' }],
  });
  const { asset: spatial } = await ingest('arten vektor', 'linden', points(7));
  const [tabular, raster] = [await assetOf('arten tabelle'), await assetOf('arten raster')];
  const join_config = {
    spatial_asset_id: spatial._id,
    tabular_asset_id: tabular._id,
    left_key: 'Art',
    right_key: 'Art',
    how: 'left',
  };
  await uploadManifest('arten verbund', 'linden-preise', { intent: 'join_datasets', files: [] }, { join_config });
  const joined = await assetOf('arten verbund');
  expect([spatial, tabular, raster, joined].map(({ kind, version }) => [kind, version])).toEqual([
    ['spatial', 1],
    ['tabular', 1],
    ['raster', 1],
    ['joined', 1],
  ]);
  expect([...(joined.parents ?? [])].sort()).toEqual([spatial._id, tabular._id].sort());
  expect(await inconsistencies(sluice.context)).toEqual([]);

  // The retention rule removes a parent of the joined asset.
  await ingest('arten vektor 2', 'linden', points(8), { keep_versions: 1 });
  const graph = await json<{ nodes: object[] }>(`/api/assets/${joined._id}/lineage`);
  expect(graph.nodes).toContainEqual({
    id: spatial._id,
    kind: 'removed asset',
    dataset_id: 'linden',
    version: 1,
    removed_at: expect.any(String),
  });
  expect(await inconsistencies(sluice.context)).toEqual([]);
});

describe('the same input again', () => {
  test('reuses the asset, reports it in the run and the activity log, and adds its file to the lineage', async () => {
    const first = await ingest('gleich 1', 'gleich', points(50));
    const again = await ingest('gleich 2', 'gleich', points(50), {}, 'anderswo/kopie +1.geojson');
    expect(again.asset._id).toBe(first.asset._id);
    expect(await json<RunView>(`/api/runs/${first.run.run_id}`)).toMatchObject({
      reused: false,
      asset: { version: 1 },
    });
    expect(await json<RunView>(`/api/runs/${again.run.run_id}`)).toMatchObject({
      reused: true,
      asset: { id: first.asset._id, version: 1 },
    });
    expect(await activities()).toContain(
      `sluice: run_succeeded: Run ${again.run.run_id} of gleich 2 succeeded. It reused ${first.asset._id}, because the same input was processed before.`,
    );
    const edges = await sluice.context.ledger.listLineage(first.asset._id);
    expect(edges.map(({ source, run_id }) => [source.kind === 'file' && source.path, run_id]).sort()).toEqual([
      ['s3://landing-zone/anderswo/kopie +1.geojson', again.run.run_id],
      ['s3://landing-zone/gleich 1/bäume #1.geojson', first.run.run_id],
    ]);
    expect(await inconsistencies(sluice.context)).toEqual([]);
  });

  test('is computed again if the object of the asset was replaced', async () => {
    const first = await ingest('ersetzt 1', 'ersetzt', points(52));
    await sluice.context.objects.put('data-lake', first.asset.s3_key, 'garbage');
    const again = await ingest('ersetzt 2', 'ersetzt', points(52));
    expect(again.asset).toMatchObject({ version: 2, content_hash: first.asset.content_hash });
    const metadata = {
      mongodb_doc_id: first.asset._id,
      run_id: first.asset.run_id,
      content_hash: first.asset.content_hash,
    };
    const bytes = await sluice.context.objects.readBytes('data-lake', again.asset.s3_key, { maxBytes: 1e6 });
    await sluice.context.objects.put('data-lake', first.asset.s3_key, bytes, { metadata });
    expect(await inconsistencies(sluice.context)).toEqual([]);
  });

  test('with force creates a new version with the same bytes', async () => {
    const first = await ingest('zwang 1', 'zwang', points(51));
    const again = await ingest('zwang 2', 'zwang', points(51), { force: true });
    expect(again.asset).toMatchObject({
      version: 2,
      content_hash: first.asset.content_hash,
      source_hash: first.asset.source_hash,
    });
    expect(await json<RunView>(`/api/runs/${again.run.run_id}`)).toMatchObject({ reused: false });
  });
});

describe('retention', () => {
  test('a manifest sets the rule; older versions are removed from ledger, catalog and lake, and logged', async () => {
    const made = [];
    for (const n of range(1, 5)) made.push(await ingest(`wenige ${n}`, 'wenige', points(60 + n), { keep_versions: 2 }));
    expect(await versions('wenige')).toEqual([4, 5]);
    const [oldest] = made as [(typeof made)[0]];
    const deletedKeys = [oldest.asset.s3_key, itemKey('wenige', 1), `${oldest.asset.s3_key}.iso.json`];
    for (const key of deletedKeys) expect(await sluice.context.objects.head('data-lake', key), key).toBeUndefined();
    expect(await activities()).toEqual(
      expect.arrayContaining([
        ...range(1, 3).map(
          (version) =>
            `sluice: asset_removed: Version ${version} of wenige was removed: the retention rule of the dataset does not keep it.`,
        ),
        'zoë: retention_set: zoë decided to keep the 2 newest versions of wenige.',
      ]),
    );
    expect((await fetch(`${sluice.url}/api/assets/${oldest.asset._id}`)).status).toBe(404);
    expect(await json<RunView>(`/api/runs/${oldest.run.run_id}`)).toMatchObject({ status: 'success', asset: null });
    const graph = await json<{ nodes: object[]; edges: object[] }>(`/api/assets/${oldest.asset._id}/lineage`);
    expect(graph.nodes).toContainEqual({
      id: oldest.asset._id,
      kind: 'removed asset',
      dataset_id: 'wenige',
      version: 1,
      removed_at: expect.any(String),
    });
    expect(graph.edges).toHaveLength(1);

    const again = await ingest('wenige again', 'wenige', points(61));
    expect(again.asset.version, 'a removed version is computed again, with a new number').toBe(6);
    expect(await versions('wenige')).toEqual([5, 6]);
    expect(await inconsistencies(sluice.context)).toEqual([]);
  });

  test('an operator sets the rule, with immediate effect; an older manifest does not change it', async () => {
    const runs = [];
    for (const n of range(1, 3))
      runs.push(await ingest(`hand ${n}`, 'hand', points(70 + n), n === 1 ? { keep_versions: 1 } : {}));
    expect(await versions('hand')).toEqual([3]);
    const set = (keep_versions: unknown) =>
      fetch(`${sluice.url}/api/datasets/hand/retention`, {
        method: 'PUT',
        headers: { 'x-operator': encodeURIComponent('Zoë 🗺') },
        body: JSON.stringify({ keep_versions }),
      });
    expect(await (await set(null)).json()).toMatchObject({
      dataset_id: 'hand',
      keep_versions: null,
      latest_version: 3,
      removed_versions: [],
    });
    const { run_id } = await json<RunView>(`/api/runs/${runs[0]?.run.run_id}/rerun`, {
      method: 'POST',
      body: JSON.stringify({ force: true }),
    });
    await vi.waitUntil(async () => (await json<RunView>(`/api/runs/${run_id}`)).archived, POLL);
    expect(await versions('hand')).toEqual([3, 4]);
    expect((await (await set(1)).json()) as RetentionView).toMatchObject({ keep_versions: 1, removed_versions: [3] });
    expect(await activities()).toContain(
      'Zoë 🗺: retention_set: Zoë 🗺 decided to keep only the newest version of hand.',
    );
    expect([(await set(0)).status, (await set('2')).status]).toEqual([400, 400]);
    expect(
      (await fetch(`${sluice.url}/api/datasets/unknown/retention`, { method: 'PUT', body: '{"keep_versions":1}' }))
        .status,
    ).toBe(404);
    expect(await inconsistencies(sluice.context)).toEqual([]);
  });

  test(`${CONCURRENT_RUNS} concurrent runs of a dataset that keeps 3 versions leave the 3 newest ones`, async () => {
    const batches = range(1, CONCURRENT_RUNS).map((n) => `gedränge ${n}`);
    await Promise.all(
      batches.map((batchId, index) => upload(batchId, 'gedränge', points(100 + index), { keep_versions: 3 })),
    );
    for (const batchId of batches) await finished(batchId);
    await vi.waitFor(async () => expect(await sluice.context.ledger.listRemovals()).toEqual([]), POLL);
    expect(await versions('gedränge')).toEqual(range(CONCURRENT_RUNS - 2, CONCURRENT_RUNS));
    expect(await inconsistencies(sluice.context)).toEqual([]);
  });
});

describe('the check finds', () => {
  let asset: AssetDocument;
  beforeAll(async () => {
    ({ asset } = await ingest('schaden', 'schaden', points(90)));
  });

  const put = (key: string, body: string, metadata: Record<string, string> = {}) =>
    sluice.context.objects.put('data-lake', key, body, { metadata });
  test.each<[string, string, () => Promise<void>]>([
    [
      'other bytes',
      'schaden version 1 (spatial): the object has sha256',
      async () =>
        put(asset.s3_key, 'x'.repeat(asset.size_bytes), {
          mongodb_doc_id: asset._id,
          run_id: asset.run_id,
          content_hash: asset.content_hash,
        }),
    ],
    [
      'an object without its metadata',
      'the metadata of the object has mongodb_doc_id',
      async () => put(asset.s3_key, 'x'),
    ],
    ['a missing object', 'does not exist', async () => sluice.context.objects.delete('data-lake', asset.s3_key)],
    [
      'a missing item',
      'stac_key is schaden/v1.json',
      async () => sluice.context.objects.delete('data-lake', itemKey('schaden', 1)),
    ],
    [
      'an unregistered object',
      'the object schaden/übrig.parquet belongs to no asset',
      async () => put('schaden/übrig.parquet', 'x'),
    ],
    [
      'a broken link',
      'of schaden/collection.json is broken',
      async () => sluice.context.objects.delete('data-lake', itemKey('schaden', 1)),
    ],
  ])('%s', async (_, problem, damage) => {
    const { objects } = sluice.context;
    const kept = new Map<string, { body: Buffer; metadata: Record<string, string> }>();
    for (const key of [asset.s3_key, itemKey('schaden', 1)])
      kept.set(key, {
        body: await objects.readBytes('data-lake', key, { maxBytes: 1e6 }),
        metadata: (await objects.head('data-lake', key))?.metadata ?? {},
      });
    await damage();
    expect((await inconsistencies(sluice.context)).some((line) => line.includes(problem))).toBe(true);
    for (const [key, { body, metadata }] of kept) await objects.put('data-lake', key, body, { metadata });
    await objects.delete('data-lake', 'schaden/übrig.parquet');
    expect(await inconsistencies(sluice.context)).toEqual([]);
  });
});
