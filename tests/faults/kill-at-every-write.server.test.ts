import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { inconsistencies } from '../lake-consistency.ts';
import { type Batch, BATCHES, datasetsOf, inputDataset, uploadBatch } from './batches.ts';
import { MAX_MISSED_SHARE, pointSampler, type Trial } from './sample-points.ts';
import { openKilledSluices } from './victims.ts';
import { TIMEOUT_MS } from './worker-process.ts';

/**
 * Kills Sluice (SIGKILL) before or after durable writes of a run: SQL statements, S3 requests and programs. After the
 * next start, the batch must have one run and the same assets as without a kill, and no working data may remain. By
 * default, a sample of the writes is tested; SLUICE_TEST_ALL tests all of them.
 */

const servers = await openKilledSluices();
const { context } = servers;
const { ledger, postgis } = context;
/** The Sluice that finished the last run. The next test kills it. */
let started: ChildProcess | undefined;
afterAll(async () => {
  if (started !== undefined) {
    const ended = once(started, 'close');
    started.kill('SIGKILL');
    await ended;
  }
  await servers.close();
});

/**
 * A kill after a write has the same effect as a kill before the next write, except for writes that the object store or
 * a program can complete after the kill.
 */
const COMPLETED_BY_OTHERS = /^(s3|program)(?!.*running)/;

const [sampleBefore, sampleAfter] = [pointSampler(), pointSampler()];
const recorded: {
  batch: Batch;
  points: string;
  kills: (Trial & { when: 'before' | 'after' })[];
}[] = [];
for (const batch of BATCHES) {
  const points = await servers.record(batch);
  recorded.push({
    batch,
    points: points.map(({ name }) => name.toLowerCase()).join('\n'),
    kills: [
      ...sampleBefore(points).map((trial) => ({ when: 'before' as const, ...trial })),
      ...sampleAfter(
        points.filter(({ name }, index) => COMPLETED_BY_OTHERS.test(name) || index === points.length - 1),
      ).map((trial) => ({ when: 'after' as const, ...trial })),
    ],
  });
}

test('writes of every kind are observed', () => {
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
    'after a kill $when $name, the run succeeds and no working data remain',
    async ({ when, index, point, name }) => {
      const batchId = `${when} ${index} ${batch.title}`;
      const child = started ?? (await servers.start());
      started = undefined;
      const dead = once(child, 'close');
      await uploadBatch(batch, batchId, datasetOf(batchId), context);
      servers.go(child, { target: { point, when } });
      // Some writes, such as those of a retry, do not occur in every run. Then the process is killed after the run.
      const killed = await Promise.race([
        dead.then(() => true),
        vi
          .waitUntil(() => servers.isOver(batchId), { timeout: TIMEOUT_MS, interval: 50 })
          .then(
            () => false,
            () => false,
          ),
      ]);
      if (!killed) missed.push(`${when} ${name}`);
      child.kill('SIGKILL');
      await dead;

      started = await servers.start();
      expect(await finished(batch, batchId, datasetOf(batchId))).toEqual(await assetsOf(batch, inputDataset(batch)));
      await expectNoWorkingData();
    },
    2 * TIMEOUT_MS,
  );

  test('most of the selected writes occur, so that the process is killed', () => {
    expect(missed.length, missed.join('\n')).toBeLessThanOrEqual(kills.length * MAX_MISSED_SHARE);
  });

  test('the ledger, the lake and the catalog are consistent', async () => {
    expect(await inconsistencies(context)).toEqual([]);
  });
});

function datasetOf(batchId: string): string {
  return batchId.replaceAll(' ', '-');
}

/** The fields of the assets that are the same in each run of the batch. */
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

/** Waits until the only run of the batch is archived, and returns its assets. */
async function finished(batch: Batch, batchId: string, datasetId: string) {
  await vi.waitUntil(() => servers.isOver(batchId), { timeout: TIMEOUT_MS, interval: 50 });
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

/** No run schemas, scratch folders, unprocessed manifests or unregistered objects exist. */
async function expectNoWorkingData(): Promise<void> {
  await vi.waitFor(
    async () => {
      expect({
        schemas: await postgis.listRunSchemas(),
        scratch: servers.scratch(),
        waiting: await servers.keys('landing-zone', 'manifests/'),
        unregistered: await servers.unregistered(),
      }).toEqual({ schemas: [], scratch: [], waiting: [], unregistered: [] });
    },
    { timeout: TIMEOUT_MS, interval: 100 },
  );
}
