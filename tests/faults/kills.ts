import { once } from 'node:events';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { inconsistencies } from '../lake-consistency.ts';
import { type Batch, datasetsOf, inputDataset, uploadBatch } from './batches.ts';
import { MAX_MISSED_SHARE, type Trial } from './sample-points.ts';
import { type KilledSluices, printed } from './victims.ts';
import { kill, TIMEOUT_MS } from './worker-process.ts';

/** Most runs that one kill ends. A function has 2 places for small inputs, so more runs would wait for a place. */
const RUNS_PER_KILL = 4;
/** All writes of the lane `raster` are in few functions. */
const RUNS_PER_KILL_OF_RASTERS = 2;
/** A program cannot be held. A fetch of the queue belongs to no run. */
const NEVER_HELD = /^(program|sql with next)/i;

export interface Kill extends Trial {
  when: 'before' | 'after';
  batchId: string;
}

export interface PlannedKills {
  batch: Batch;
  /** Each list is the kills of one process. */
  kills: Kill[][];
}

/** The kills of a batch before or after these writes. */
export function killsOf(batch: Batch, when: Kill['when'], trials: Trial[]): Kill[] {
  return trials.map((trial): Kill => ({ when, ...trial, batchId: `${when} ${trial.index} ${batch.title}` }));
}

/** Divides the kills of a batch, the last write first, between processes. */
export function planKills(batch: Batch, kills: Kill[]): PlannedKills {
  const size = batch.lane === 'raster' ? RUNS_PER_KILL_OF_RASTERS : RUNS_PER_KILL;
  return { batch, kills: groupKills(kills, size) };
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

/**
 * Tests that each batch has one run and the same assets as without a kill, and that no working data remain. `afterKill`
 * is called after each kill.
 */
export function describeKills(
  servers: KilledSluices,
  planned: PlannedKills[],
  afterKill: () => Promise<void> = () => Promise.resolve(),
): void {
  const { context } = servers;
  const { ledger, postgis } = context;

  describe.each(planned)('$batch.title:', ({ batch, kills: groups }) => {
    const missed: string[] = [];

    describe.each(groups.map((kills) => ({ kills })))('one process:', ({ kills }) => {
      beforeAll(async () => {
        missed.push(...(await killDuring(batch, kills)));
        await servers.running();
      }, kills.length * TIMEOUT_MS);

      test.each(kills)(
        'after a kill $when $name, the run succeeds',
        async ({ batchId }) => {
          expect(await finished(batch, batchId, datasetOf(batchId))).toEqual(
            await assetsOf(batch, inputDataset(batch)),
          );
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
   * Kills one process during the run of each kill. Some writes, such as those of a retry, do not occur in every run.
   * Then the process is killed after the run. Returns these writes.
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
    await afterKill();
    return missed;
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
}

function datasetOf(batchId: string): string {
  return batchId.replaceAll(' ', '-');
}
