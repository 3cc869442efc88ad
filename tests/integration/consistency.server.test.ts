import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { itemKey } from '#shared/contracts/object-keys.ts';
import type { AssetDocument } from '#shared/ledger/documents.ts';
import type { RunView } from '#shared/api/views.ts';
import { type DatasetRuns, points, range, startDatasetRuns } from '../fixtures/dataset-runs.ts';

const CONCURRENT_RUNS = 10;
const RASTER = new URL('../data/raster/olinda_dem_utm25s.tif', import.meta.url);

let runs: DatasetRuns;
beforeAll(async () => {
  runs = await startDatasetRuns();
});
afterAll(() => runs[Symbol.asyncDispose]());

test(`${CONCURRENT_RUNS} concurrent runs of one dataset create ${CONCURRENT_RUNS} consecutive versions and a consistent lake`, async () => {
  const batches = range(1, CONCURRENT_RUNS).map((n) => `park ${n} #é`);
  await Promise.all(batches.map((batchId, index) => runs.upload(batchId, 'park', points(index))));
  for (const batchId of batches) await runs.finished(batchId);
  expect(await runs.versions('park')).toEqual(range(1, CONCURRENT_RUNS));
  const collection = JSON.parse(
    (await runs.sluice.context.objects.readBytes('data-lake', 'park/collection.json', { maxBytes: 1e6 })).toString(),
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
  expect(await runs.inconsistencies()).toEqual([]);
});

test('assets of every kind have consistent documents, even after the removal of a parent', async () => {
  const { objects } = runs.sluice.context;
  await objects.put('landing-zone', 'arten/höhe #1.tif', await readFile(RASTER));
  await objects.put(
    'landing-zone',
    'arten/preise é.csv',
    'Art;Preis\n"Linde № 7.1 🌳";"1,5"\n"Linde № 7.2 🌳";"2,5"\nEsche;3\n',
  );
  await runs.uploadManifest('arten raster', 'höhe', {
    intent: 'ingest_raster',
    files: [{ path: 's3://landing-zone/arten/höhe #1.tif', type: 'raster', format: 'GTiff' }],
  });
  await runs.uploadManifest('arten tabelle', 'preise', {
    intent: 'ingest_tabular',
    files: [{ path: 's3://landing-zone/arten/preise é.csv', type: 'tabular', format: 'CSV' }],
  });
  const { asset: spatial } = await runs.ingest('arten vektor', 'linden', points(7));
  const [tabular, raster] = [await runs.assetOf('arten tabelle'), await runs.assetOf('arten raster')];
  const join_config = {
    spatial_asset_id: spatial._id,
    tabular_asset_id: tabular._id,
    left_key: 'Art',
    right_key: 'Art',
    how: 'left',
  };
  await runs.uploadManifest('arten verbund', 'linden-preise', { intent: 'join_datasets', files: [] }, { join_config });
  const joined = await runs.assetOf('arten verbund');
  expect([spatial, tabular, raster, joined].map(({ kind, version }) => [kind, version])).toEqual([
    ['spatial', 1],
    ['tabular', 1],
    ['raster', 1],
    ['joined', 1],
  ]);
  expect([...(joined.parents ?? [])].sort()).toEqual([spatial._id, tabular._id].sort());
  expect(await runs.inconsistencies()).toEqual([]);

  // The retention rule removes a parent of the joined asset.
  await runs.ingest('arten vektor 2', 'linden', points(8), { keep_versions: 1 });
  const graph = await runs.json<{ nodes: object[] }>(`/api/assets/${joined._id}/lineage`);
  expect(graph.nodes).toContainEqual({
    id: spatial._id,
    kind: 'removed asset',
    dataset_id: 'linden',
    version: 1,
    removed_at: expect.any(String),
  });
  expect(await runs.inconsistencies()).toEqual([]);
});

describe('the same input again', () => {
  test('reuses the asset, reports it in the run and the activity log, and adds its file to the lineage', async () => {
    const first = await runs.ingest('gleich 1', 'gleich', points(50));
    const again = await runs.ingest('gleich 2', 'gleich', points(50), {}, 'anderswo/kopie +1.geojson');
    expect(again.asset._id).toBe(first.asset._id);
    expect(await runs.json<RunView>(`/api/runs/${first.run.run_id}`)).toMatchObject({
      reused: false,
      asset: { version: 1 },
    });
    expect(await runs.json<RunView>(`/api/runs/${again.run.run_id}`)).toMatchObject({
      reused: true,
      asset: { id: first.asset._id, version: 1 },
    });
    expect(await runs.activities()).toContain(
      `sluice: run_succeeded: Run ${again.run.run_id} of gleich 2 succeeded. It reused ${first.asset._id}, because the same input was processed before.`,
    );
    const edges = await runs.sluice.context.ledger.listLineage(first.asset._id);
    expect(edges.map(({ source, run_id }) => [source.kind === 'file' && source.path, run_id]).sort()).toEqual([
      ['s3://landing-zone/anderswo/kopie +1.geojson', again.run.run_id],
      ['s3://landing-zone/gleich 1/bäume #1.geojson', first.run.run_id],
    ]);
    expect(await runs.inconsistencies()).toEqual([]);
  });

  test('is computed again if the object of the asset was replaced', async () => {
    const first = await runs.ingest('ersetzt 1', 'ersetzt', points(52));
    await runs.sluice.context.objects.put('data-lake', first.asset.s3_key, 'garbage');
    const again = await runs.ingest('ersetzt 2', 'ersetzt', points(52));
    expect(again.asset).toMatchObject({ version: 2, content_hash: first.asset.content_hash });
    const metadata = {
      mongodb_doc_id: first.asset._id,
      run_id: first.asset.run_id,
      content_hash: first.asset.content_hash,
    };
    const bytes = await runs.sluice.context.objects.readBytes('data-lake', again.asset.s3_key, { maxBytes: 1e6 });
    await runs.sluice.context.objects.put('data-lake', first.asset.s3_key, bytes, { metadata });
    expect(await runs.inconsistencies()).toEqual([]);
  });

  test('with force creates a new version with the same bytes', async () => {
    const first = await runs.ingest('zwang 1', 'zwang', points(51));
    const again = await runs.ingest('zwang 2', 'zwang', points(51), { force: true });
    expect(again.asset).toMatchObject({
      version: 2,
      content_hash: first.asset.content_hash,
      source_hash: first.asset.source_hash,
    });
    expect(await runs.json<RunView>(`/api/runs/${again.run.run_id}`)).toMatchObject({ reused: false });
  });
});

describe('the check finds', () => {
  let asset: AssetDocument;
  beforeAll(async () => {
    ({ asset } = await runs.ingest('schaden', 'schaden', points(90)));
  });

  const put = (key: string, body: string, metadata: Record<string, string> = {}) =>
    runs.sluice.context.objects.put('data-lake', key, body, { metadata });
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
    ['a missing object', 'does not exist', async () => runs.sluice.context.objects.delete('data-lake', asset.s3_key)],
    [
      'a missing item',
      'stac_key is schaden/v1.json',
      async () => runs.sluice.context.objects.delete('data-lake', itemKey('schaden', 1)),
    ],
    [
      'an unregistered object',
      'the object schaden/übrig.parquet belongs to no asset',
      async () => put('schaden/übrig.parquet', 'x'),
    ],
    [
      'a broken link',
      'of schaden/collection.json is broken',
      async () => runs.sluice.context.objects.delete('data-lake', itemKey('schaden', 1)),
    ],
  ])('%s', async (_, problem, damage) => {
    const { objects } = runs.sluice.context;
    const kept = new Map<string, { body: Buffer; metadata: Record<string, string> }>();
    for (const key of [asset.s3_key, itemKey('schaden', 1)])
      kept.set(key, {
        body: await objects.readBytes('data-lake', key, { maxBytes: 1e6 }),
        metadata: (await objects.head('data-lake', key))?.metadata ?? {},
      });
    await damage();
    expect((await runs.inconsistencies()).some((line) => line.includes(problem))).toBe(true);
    for (const [key, { body, metadata }] of kept) await objects.put('data-lake', key, body, { metadata });
    await objects.delete('data-lake', 'schaden/übrig.parquet');
    expect(await runs.inconsistencies()).toEqual([]);
  });
});
