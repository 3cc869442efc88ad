import { afterAll, expect, test } from 'vitest';
import { BATCHES } from './batches.ts';
import type { WritePoint } from './durable-writes.ts';
import { describeKills, killsOf, type PlannedKills, planKills } from './kills.ts';
import { pointSampler } from './sample-points.ts';
import { openKilledSluices } from './victims.ts';

/**
 * Kills Sluice (SIGKILL) before or after durable writes of a run: SQL statements, S3 requests and programs. After the
 * next start, the batch must have one run and the same assets as without a kill, and no working data may remain. By
 * default, a sample of the writes is tested; SLUICE_TEST_ALL tests all of them.
 *
 * One kill ends several runs, each at another write: Sluice processes the batches one after another, and holds each of
 * them at its write. The last one kills the process.
 */

const servers = await openKilledSluices();
afterAll(servers.close);

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

const [sampleBefore, sampleAfter] = [pointSampler(), pointSampler()];
const recorded: (PlannedKills & { points: string })[] = [];
for (const batch of BATCHES) {
  const points = (await servers.record(batch)).filter(isTested);
  const completedByOthers = points.filter(
    ({ name }, index) => COMPLETED_BY_OTHERS.test(name) || index === points.length - 1,
  );
  const kills = [
    ...killsOf(batch, 'before', sampleBefore(points)),
    ...killsOf(batch, 'after', sampleAfter(completedByOthers)),
  ];
  kills.sort((a, b) => points.indexOf(b.point) - points.indexOf(a.point));
  recorded.push({ ...planKills(batch, kills), points: points.map(({ name }) => name.toLowerCase()).join('\n') });
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

describeKills(servers, recorded);
