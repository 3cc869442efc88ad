import { once } from 'node:events';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { startSluice } from '../../gateway/start.ts';
import { inconsistencies } from '../lake-consistency.ts';
import { testEnv } from '../servers.ts';
import { type Batch, BATCHES, datasetsOf, inputDataset, uploadBatch } from './batches.ts';
import { pointSampler } from './sample-points.ts';
import { openVictims } from './victims.ts';
import { PATIENCE_MS } from './worker-process.ts';

/**
 * The process is killed (-9) around durable writes of a run: SQL, objects, programs. Then Sluice starts again, and each time there
 * must be one run, the same assets with the same bytes, and nothing left behind. SLUICE_TEST_ALL kills it around every one.
 */

const victims = await openVictims();
const { context, variables } = victims;
const { ledger, postgis } = context;
afterAll(victims.close);

/** Dead before a write and dead after the one that precedes it is the same, unless the store or a program works on alone. */
const WORKS_ON_ALONE = /^(s3|program)(?!.*under way)/;

const [sampleBefore, sampleAfter] = [pointSampler(), pointSampler()];
const recorded: {
  batch: Batch;
  points: string;
  kills: { when: 'before' | 'after'; index: number; point: object; name: string }[];
}[] = [];
for (const batch of BATCHES) {
  const points = await victims.record(batch);
  recorded.push({
    batch,
    points: points.map(({ name }) => name.toLowerCase()).join('\n'),
    kills: [
      ...sampleBefore(points).map((trial) => ({ when: 'before' as const, ...trial })),
      ...sampleAfter(points.filter(({ name }, index) => WORKS_ON_ALONE.test(name) || index === points.length - 1)).map(
        (trial) => ({ when: 'after' as const, ...trial }),
      ),
    ],
  });
}

test('writes of every kind are watched', () => {
  const all = recorded.map(({ points }) => points).join('\n');
  for (const part of [
    'pgboss',
    'with manifest as',
    'update ledger.runs',
    'create schema',
    'program ogr2ogr',
    'program gdal_translate',
    'program gdalwarp',
    'copy join_spatial',
    's3 putobjectcommand data-lake',
    's3 deleteobjectcommand landing-zone',
    'drop schema',
  ]) {
    expect(all).toContain(part);
  }
});

describe.each(recorded)('$batch.title:', ({ batch, kills }) => {
  test.each(kills)(
    'a kill $when $name loses nothing and leaves nothing',
    async ({ when, index, point }) => {
      const batchId = `${when} ${index} ${batch.title}`;
      const victim = await victims.start({ VICTIM_POINT: JSON.stringify(point), VICTIM_WHEN: when });
      const dead = once(victim, 'close');
      await uploadBatch(batch, batchId, datasetOf(batchId), context);
      victim.stdin?.write('go\n');
      // Where a write does not come this time (a retry that was not needed), the run finishes, and the process is killed then.
      await Promise.race([
        dead,
        vi.waitUntil(() => victims.isOver(batchId), { timeout: PATIENCE_MS, interval: 50 }).catch(() => undefined),
      ]);
      victim.kill('SIGKILL');
      await dead;

      const sluice = await startSluice(testEnv(variables));
      try {
        expect(await finished(batch, batchId, datasetOf(batchId))).toEqual(await assetsOf(batch, inputDataset(batch)));
        await nothingLeft();
      } finally {
        await sluice.stop();
      }
    },
    2 * PATIENCE_MS,
  );

  test('afterward everything in the lake agrees', async () => {
    expect(await inconsistencies(context)).toEqual([]);
  });
});

function datasetOf(batchId: string): string {
  return batchId.replaceAll(' ', '-');
}

/** What of the assets is the same in each run of the batch. */
async function assetsOf(batch: Batch, datasetId: string) {
  const versions = await Promise.all(
    datasetsOf(batch, datasetId).map((dataset_id) => ledger.listAssets({ dataset_id })),
  );
  return versions.map((assets) =>
    assets.map(({ version, kind, content_hash, source_hash, row_count, size_bytes }) => ({
      version,
      kind,
      content_hash,
      source_hash,
      row_count,
      size_bytes,
    })),
  );
}

/** Waits until the only run of the batch is over to the last step, and tells its assets. */
async function finished(batch: Batch, batchId: string, datasetId: string) {
  await vi.waitUntil(() => victims.isOver(batchId), { timeout: PATIENCE_MS, interval: 50 });
  const runs = await ledger.listRuns({ batch_id: batchId });
  expect(runs.map(({ status }) => status)).toEqual(['success']);
  const assets = await ledger.getAssets(runs[0]?.asset_ids ?? []);
  expect(assets.map(({ dataset_id }) => dataset_id).sort()).toEqual(datasetsOf(batch, datasetId).sort());
  expect(await ledger.findManifestByBatch(batchId)).toMatchObject({
    status: 'success',
    archive_key: `archive/manifests/${batchId}.json`,
  });
  return assetsOf(batch, datasetId);
}

/** No schema, no scratch file, no manifest that waits, no object in the lake that no asset names. */
async function nothingLeft(): Promise<void> {
  await vi.waitFor(
    async () => {
      expect({
        schemas: await postgis.listRunSchemas(),
        scratch: victims.scratch(),
        waiting: await victims.keys('landing-zone', 'manifests/'),
        unregistered: await victims.unregistered(),
      }).toEqual({ schemas: [], scratch: [], waiting: [], unregistered: [] });
    },
    { timeout: PATIENCE_MS, interval: 100 },
  );
}
