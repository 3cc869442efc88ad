import { type BareTimes, prepareBareTools } from './bare-tools.ts';
import { type FinishedBatch, finished, sendManifest, uploadFiles } from './batch.ts';
import { polygonFile, type PolygonFile } from './data.ts';
import { type Instance, startInstance } from './instance.ts';
import { type Benchmark, type Measure, median, percentile } from './report.ts';

export interface SmallOptions {
  /** Batches one at a time, each with a run of the bare tools. */
  repeats: number;
  /** Batches whose manifests are uploaded at the same time. */
  together: number;
  polygons: number;
}

export const SMALL_DEFAULTS: SmallOptions = { repeats: 15, together: 50, polygons: 1000 };

/** Batches before the measurement that open connections and start workers. The bare tools run as often. */
const WARM_UP = 3;
const SECONDS_PER_MINUTE = 60;

/** Measures small batches, one at a time and many at the same time, and the bare tools on the same file and PostGIS. */
export async function benchSmall(options: SmallOptions): Promise<Benchmark> {
  const file = await polygonFile(options.polygons);
  const instance = await startInstance();
  try {
    const bare = await prepareBareTools(instance, file);
    for (let i = 0; i < WARM_UP; i++) {
      await oneBatch(instance, `warm-up-${i}`, file);
      await bare.run();
    }
    const pairs: { sluice: FinishedBatch; bare: BareTimes }[] = [];
    for (let i = 0; i < options.repeats; i++) {
      // They alternate, because the second one finds the file in the page cache and a warm database.
      const bareFirst = i % 2 === 0 ? await bare.run() : undefined;
      const sluice = await oneBatch(instance, `alone-${i}`, file);
      pairs.push({ sluice, bare: bareFirst ?? (await bare.run()) });
    }
    const crowd = await manyBatches(instance, options.together, file);
    return {
      name: 'small',
      title:
        `Batches of ${options.polygons} polygons: ${options.repeats} one at a time, with the bare tools, ` +
        `and ${options.together} at the same time`,
      measures: measuresOf(pairs, crowd),
      repeats: pairs.map((pair) => ({
        sluice_asset: pair.sluice.times.asset,
        sluice_archived: pair.sluice.times.archived,
        ...pair.sluice.times.steps,
        bare: pair.bare.total,
      })),
    };
  } finally {
    await instance.stop();
  }
}

async function oneBatch(instance: Instance, batchId: string, file: PolygonFile): Promise<FinishedBatch> {
  await uploadFiles(instance, batchId, file);
  return finished(instance, batchId, await sendManifest(instance, batchId, file));
}

async function manyBatches(instance: Instance, count: number, file: PolygonFile): Promise<FinishedBatch[]> {
  const ids = Array.from({ length: count }, (_, i) => `together-${i}`);
  for (const id of ids) await uploadFiles(instance, id, file);
  const sent = await Promise.all(ids.map((id) => sendManifest(instance, id, file)));
  const batches: FinishedBatch[] = [];
  for (const [i, id] of ids.entries()) batches.push(await finished(instance, id, sent[i]!));
  return batches;
}

function measuresOf(pairs: { sluice: FinishedBatch; bare: BareTimes }[], crowd: FinishedBatch[]): Measure[] {
  const sluice = pairs.map((pair) => pair.sluice.times);
  const bare = pairs.map((pair) => pair.bare);
  const admitted = sluice.map((times) => times.admitted * 1000);
  const seconds =
    (Math.max(...crowd.map((batch) => batch.archivedAt)) - Math.min(...crowd.map((batch) => batch.sentAt))) / 1000;
  const stepNames = Object.keys(sluice[0]?.steps ?? {});
  return [
    { name: 'one at a time: Sluice, manifest to asset', value: median(sluice.map((times) => times.asset)), unit: 's' },
    { name: 'one at a time: bare tools', value: median(bare.map((times) => times.total)), unit: 's' },
    {
      name: 'one at a time: ratio',
      value: median(pairs.map((pair) => pair.sluice.times.asset / pair.bare.total)),
      unit: 'x',
      goal: { at_most: 2 },
    },
    { name: 'one at a time: Sluice, until archived', value: median(sluice.map((times) => times.archived)), unit: 's' },
    ...stepNames.map((step): Measure => ({
      name: `  step ${step}`,
      value: median(sluice.map((times) => times.steps[step] ?? Number.NaN)),
      unit: 's',
    })),
    { name: '  bare: ogr2ogr', value: median(bare.map((times) => times.load)), unit: 's' },
    { name: '  bare: SQL', value: median(bare.map((times) => times.transform)), unit: 's' },
    { name: '  bare: Parquet', value: median(bare.map((times) => times.export)), unit: 's' },
    { name: 'manifest sent until the first handler is done, p50', value: percentile(admitted, 0.5), unit: 'ms' },
    {
      name: 'manifest sent until the first handler is done, p95',
      value: percentile(admitted, 0.95),
      unit: 'ms',
      goal: { at_most: 100 },
    },
    {
      name: `${crowd.length} concurrent: batches a minute`,
      value: (crowd.length / seconds) * SECONDS_PER_MINUTE,
      unit: 'batches/min',
      goal: { at_least: 100 },
    },
    { name: `${crowd.length} concurrent: the last is archived after`, value: seconds, unit: 's' },
  ];
}
