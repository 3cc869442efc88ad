import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { inconsistencies } from '../lake-consistency.ts';
import { type Batch, BATCHES, datasetsOf, inputDataset, uploadBatch } from './batches.ts';
import type { WritePoint } from './durable-writes.ts';
import { MAX_MISSED_SHARE, pointSampler, type Trial } from './sample-points.ts';
import { openKilledSluices, printed } from './victims.ts';
import { kill, TIMEOUT_MS } from './worker-process.ts';

/**
 * Kills Sluice (SIGKILL) before or after durable writes of a run: SQL statements, S3 requests and programs. After the
 * next start, the batch must have one run and the same assets as without a kill, and no working data may remain. By
 * default, a sample of the writes is tested; SLUICE_TEST_ALL tests all of them.
 *
 * One kill ends several runs, each at another write: Sluice processes the batches one after another, and holds each of
 * them at its write. The last one kills the process.
 */

const servers = await openKilledSluices();
const { context } = servers;
const { ledger, postgis } = context;
afterAll(servers.close);

/** Most runs that one kill ends. A function has 2 places for small inputs, so more runs would wait for a place. */
const RUNS_PER_KILL = 4;
/** All writes of the lane `raster` are in few functions. */
const RUNS_PER_KILL_OF_RASTERS = 2;
/** A program cannot be held. A fetch of the queue belongs to no run. */
const NEVER_HELD = /^(program|sql with next)/i;

/**
 * A kill after a write has the same effect as a kill before the next write, except for writes that the object store or
 * a program can complete after the kill.
 */
const COMPLETED_BY_OTHERS = /^(s3|program)(?!.*running)/;

/**
 * gdal_translate and gdalwarp write to the scratch folder only. The next attempt deletes this folder with its content,
 * so that a kill before or after the program has the same effect as a kill while it writes, which is tested.
 */
const SAME_AS_WHILE_RUNNING = /^program gdal\w+$/;
const isTested = ({ name }: WritePoint) =>
  process.env.SLUICE_TEST_ALL !== undefined || !SAME_AS_WHILE_RUNNING.test(name);

interface Kill extends Trial {
  when: 'before' | 'after';
  batchId: string;
}

const [sampleBefore, sampleAfter] = [pointSampler(), pointSampler()];
const recorded: { batch: Batch; points: string; kills: Kill[][] }[] = [];
for (const batch of BATCHES) {
  const points = (await servers.record(batch)).filter(isTested);
  const completedByOthers = points.filter(
    ({ name }, index) => COMPLETED_BY_OTHERS.test(name) || index === points.length - 1,
  );
  const killsOf = (when: Kill['when'], trials: Trial[]) =>
    trials.map((trial): Kill => ({ when, ...trial, batchId: `${when} ${trial.index} ${batch.title}` }));
  const kills = [...killsOf('before', sampleBefore(points)), ...killsOf('after', sampleAfter(completedByOthers))];
  recorded.push({
    batch,
    points: points.map(({ name }) => name.toLowerCase()).join('\n'),
    kills: groupKills(
      kills.toSorted((a, b) => points.indexOf(b.point) - points.indexOf(a.point)),
      batch.lane === 'raster' ? RUNS_PER_KILL_OF_RASTERS : RUNS_PER_KILL,
    ),
  });
}

/** Divides the kills into groups of about this size. Only the last one of a group is never held. */
function groupKills(kills: Kill[], size: number): Kill[][] {
  const isHeld = ({ when, name }: Kill) => !NEVER_HELD.test(name) && (when === 'before' || name.startsWith('s3'));
  const [held, neverHeld] = [kills.filter(isHeld), kills.filter((kill) => !isHeld(kill))];
  const count = Math.max(neverHeld.length, Math.ceil(kills.length / size));
  return Array.from({ length: count }, (_, group) => [
    ...held.filter((_kill, index) => index % count === group),
    ...neverHeld.slice(group, group + 1),
  ]);
}

test('writes of every kind are observed', () => {
  const all = recorded.map(({ points }) => points).join('\n');
  for (const part of [
    'pgboss',
    'with manifest as',
    'update ledger.runs',
    'create schema',
    'program ogr2ogr',
    'program gdal_translate, running',
    'program gdalwarp, running',
    'copy join_spatial',
    's3 putobjectcommand data-lake',
    's3 deleteobjectcommand landing-zone',
    'drop schema',
  ]) {
    expect(all).toContain(part);
  }
});

describe.each(recorded)('$batch.title:', ({ batch, kills: groups }) => {
  const missed: string[] = [];

  describe.each(groups.map((kills) => ({ kills })))('one process:', ({ kills }) => {
    beforeAll(async () => {
      missed.push(...(await killDuring(batch, kills)));
      await servers.running();
    }, kills.length * TIMEOUT_MS);

    test.each(kills)(
      'after a kill $when $name, the run succeeds',
      async ({ batchId }) => {
        expect(await finished(batch, batchId, datasetOf(batchId))).toEqual(await assetsOf(batch, inputDataset(batch)));
      },
      2 * TIMEOUT_MS,
    );

    test('no working data remain', expectNoWorkingData, 2 * TIMEOUT_MS);
  });

  test('most of the selected writes occur, so that the run is killed', () => {
    expect(missed.length, missed.join('\n')).toBeLessThanOrEqual(groups.flat().length * MAX_MISSED_SHARE);
  });

  test('the ledger, the lake and the catalog are consistent', async () => {
    expect(await inconsistencies(context)).toEqual([]);
  });
});

/**
 * Kills one process during the run of each kill. Some writes, such as those of a retry, do not occur in every run. Then
 * the process is killed after the run. Returns these writes.
 */
async function killDuring(batch: Batch, kills: Kill[]): Promise<string[]> {
  const child = await servers.running();
  const ended = once(child, 'close');
  const missed: string[] = [];
  for (const [position, { when, point, name, batchId }] of kills.entries()) {
    const isLast = position === kills.length - 1;
    let reached = false;
    void (isLast ? ended : printed(child, 'held')).then(() => (reached = true));
    await uploadBatch(batch, batchId, datasetOf(batchId), context);
    servers.go(child, { target: { point, when, action: isLast ? 'SIGKILL' : 'hold' } });
    await vi
      .waitUntil(async () => reached || (await servers.isOver(batchId)), { timeout: TIMEOUT_MS, interval: 50 })
      .catch(() => undefined);
    if (!reached) missed.push(`${when} ${name}`);
  }
  await kill(child);
  return missed;
}

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
