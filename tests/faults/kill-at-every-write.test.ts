import { once } from 'node:events';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { startSluice } from '../../gateway/start.ts';
import { inconsistencies } from '../lake-consistency.ts';
import { testEnv } from '../servers.ts';
import { type Batch, BATCHES, datasetsOf, inputDataset, uploadBatch } from './batches.ts';
import { MISSED_AT_MOST, pointSampler } from './sample-points.ts';
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
  const missed: string[] = [];

  test.each(kills)(
    'a kill $when $name loses nothing and leaves nothing',
    async ({ when, index, point, name }) => {
      const batchId = `${when} ${index} ${batch.title}`;
      const victim = await victims.start({ VICTIM_POINT: JSON.stringify(point), VICTIM_WHEN: when });
      const dead = once(victim, 'close');
      await uploadBatch(batch, batchId, datasetOf(batchId), context);
      victim.stdin?.write('go\n');
      // Some writes do not occur in every run, such as those of a retry. Then the process is killed at the end of the run.
      const killed = await Promise.race([
        dead.then(() => true),
        vi
          .waitUntil(() => victims.isOver(batchId), { timeout: PATIENCE_MS, interval: 50 })
          .then(
            () => false,
            () => false,
          ),
      ]);
      if (!killed) missed.push(`${when} ${name}`);
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

  test('most writes occur, so that the process is killed there', () => {
    expect(missed.length, missed.join('\n')).toBeLessThanOrEqual(kills.length * MISSED_AT_MOST);
  });

  test('the ledger, the lake and the catalog agree afterward', async () => {
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
