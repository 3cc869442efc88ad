import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { itemKey } from '#shared/contracts/object-keys.ts';
import type { RetentionView, RunView } from '#shared/api/views.ts';
import { type DatasetRuns, points, POLL, range, startDatasetRuns } from '../fixtures/dataset-runs.ts';

/** The retention rule of a dataset, set by manifests and operators. */

const CONCURRENT_RUNS = 10;

let runs: DatasetRuns;
beforeAll(async () => {
  runs = await startDatasetRuns();
});
afterAll(() => runs[Symbol.asyncDispose]());

test('a manifest sets the rule; older versions are removed from ledger, catalog and lake, and logged', async () => {
  const made = [];
  for (const n of range(1, 5))
    made.push(await runs.ingest(`wenige ${n}`, 'wenige', points(60 + n), { keep_versions: 2 }));
  expect(await runs.versions('wenige')).toEqual([4, 5]);
  const [oldest] = made as [(typeof made)[0]];
  const deletedKeys = [oldest.asset.s3_key, itemKey('wenige', 1), `${oldest.asset.s3_key}.iso.json`];
  for (const key of deletedKeys) expect(await runs.sluice.context.objects.head('data-lake', key), key).toBeUndefined();
  expect(await runs.activities()).toEqual(
    expect.arrayContaining([
      ...range(1, 3).map(
        (version) =>
          `sluice: asset_removed: Version ${version} of wenige was removed: the retention rule of the dataset does not keep it.`,
      ),
      'zoë: retention_set: zoë set the retention rule of wenige: keep the 2 newest versions.',
    ]),
  );
  expect((await fetch(`${runs.sluice.url}/api/assets/${oldest.asset._id}`)).status).toBe(404);
  expect(await runs.json<RunView>(`/api/runs/${oldest.run.run_id}`)).toMatchObject({ status: 'success', asset: null });
  const graph = await runs.json<{ nodes: object[]; edges: object[] }>(`/api/assets/${oldest.asset._id}/lineage`);
  expect(graph.nodes).toContainEqual({
    id: oldest.asset._id,
    kind: 'removed asset',
    dataset_id: 'wenige',
    version: 1,
    removed_at: expect.any(String),
  });
  expect(graph.edges).toHaveLength(1);

  const again = await runs.ingest('wenige again', 'wenige', points(61));
  expect(again.asset.version, 'a removed version is computed again, with a new number').toBe(6);
  expect(await runs.versions('wenige')).toEqual([5, 6]);
  expect(await runs.inconsistencies()).toEqual([]);
});

test('an operator sets the rule, with immediate effect; an older manifest does not change it', async () => {
  const made = [];
  for (const n of range(1, 3))
    made.push(await runs.ingest(`hand ${n}`, 'hand', points(70 + n), n === 1 ? { keep_versions: 1 } : {}));
  expect(await runs.versions('hand')).toEqual([3]);
  const set = (keep_versions: unknown) =>
    fetch(`${runs.sluice.url}/api/datasets/hand/retention`, {
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
  const { run_id } = await runs.json<RunView>(`/api/runs/${made[0]?.run.run_id}/rerun`, {
    method: 'POST',
    body: JSON.stringify({ force: true }),
  });
  await vi.waitUntil(async () => (await runs.json<RunView>(`/api/runs/${run_id}`)).archived, POLL);
  expect(await runs.versions('hand')).toEqual([3, 4]);
  expect((await (await set(1)).json()) as RetentionView).toMatchObject({ keep_versions: 1, removed_versions: [3] });
  expect(await runs.activities()).toContain(
    'Zoë 🗺: retention_set: Zoë 🗺 set the retention rule of hand: keep only the newest version.',
  );
  expect([(await set(0)).status, (await set('2')).status]).toEqual([400, 400]);
  expect(
    (await fetch(`${runs.sluice.url}/api/datasets/unknown/retention`, { method: 'PUT', body: '{"keep_versions":1}' }))
      .status,
  ).toBe(404);
  expect(await runs.inconsistencies()).toEqual([]);
});

test(`${CONCURRENT_RUNS} concurrent runs of a dataset that keeps 3 versions leave the 3 newest ones`, async () => {
  const batches = range(1, CONCURRENT_RUNS).map((n) => `gedränge ${n}`);
  await Promise.all(
    batches.map((batchId, index) => runs.upload(batchId, 'gedränge', points(100 + index), { keep_versions: 3 })),
  );
  for (const batchId of batches) await runs.finished(batchId);
  await vi.waitFor(async () => expect(await runs.sluice.context.ledger.listRemovals()).toEqual([]), POLL);
  expect(await runs.versions('gedränge')).toEqual(range(CONCURRENT_RUNS - 2, CONCURRENT_RUNS));
  expect(await runs.inconsistencies()).toEqual([]);
});
