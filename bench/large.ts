import { type BareTimes, prepareBareTools } from './bare-tools.ts';
import { type FinishedBatch, finished, sendManifest, uploadFiles } from './batch.ts';
import { polygonFile } from './data.ts';
import { startInstance } from './instance.ts';
import { type PeakMemory, sluiceBytes, watchMemory } from './memory.ts';
import { type Benchmark, type Measure, median } from './report.ts';

export interface LargeOptions {
  /** The number of pairs of a Sluice run and a run of the bare tools. */
  repeats: number;
  polygons: number;
  /** Rows of each run of the memory measurement. */
  memoryRows: number[];
}

/** The number of polygons of a national data set of land parcels. */
export const LARGE_DEFAULTS: LargeOptions = { repeats: 3, polygons: 505_758, memoryRows: [10_000, 100_000, 1_000_000] };

const MB = 1e6;

interface Pair {
  sluice: FinishedBatch;
  memory: PeakMemory;
  bare: BareTimes;
}

/**
 * Measures the vector lane with a large file, in comparison with the bare tools on the same file and PostGIS, and its
 * memory for files of several sizes.
 */
export async function benchLarge(options: LargeOptions): Promise<Benchmark> {
  const pairs = await comparePairs(options);
  const memory: { rows: number; peak: PeakMemory; before: number }[] = [];
  for (const rows of options.memoryRows) memory.push(await memoryOf(rows));
  return {
    name: 'large',
    title:
      `${options.polygons} polygons from a shapefile to GeoParquet, ` +
      `${options.repeats} times, and with the bare tools`,
    measures: [...speedMeasures(pairs, options.polygons), ...memoryMeasures(memory)],
    repeats: pairs.map(({ sluice, bare, memory: peak }) => ({
      sluice_asset: sluice.times.asset,
      sluice_archived: sluice.times.archived,
      ...sluice.times.steps,
      bare: bare.total,
      bare_load: bare.load,
      bare_transform: bare.transform,
      bare_export: bare.export,
      sluice_mb: peak.sluice / MB,
      programs_mb: peak.programs / MB,
    })),
  };
}

async function comparePairs(options: LargeOptions): Promise<Pair[]> {
  const file = await polygonFile(options.polygons);
  const instance = await startInstance();
  try {
    const bare = await prepareBareTools(instance, file);
    const pairs: Pair[] = [];
    for (let i = 0; i < options.repeats; i++) {
      const batchId = `large-${i}`;
      await uploadFiles(instance, batchId, file);
      // They alternate, because the second one finds the file in the page cache.
      const bareFirst = i % 2 === 0 ? await bare.run() : undefined;
      const watch = watchMemory(instance.pid);
      const sluice = await finished(instance, batchId, await sendManifest(instance, batchId, file));
      const memory = watch.stop();
      pairs.push({ sluice, memory, bare: bareFirst ?? (await bare.run()) });
    }
    return pairs;
  } finally {
    await instance.stop();
  }
}

/** Peak memory of one run in a new process, because memory that an earlier run allocated would hide its own. */
async function memoryOf(rows: number): Promise<{ rows: number; peak: PeakMemory; before: number }> {
  const file = await polygonFile(rows);
  const instance = await startInstance();
  try {
    const batchId = `memory-${rows}`;
    await uploadFiles(instance, batchId, file);
    const before = sluiceBytes(instance.pid);
    const watch = watchMemory(instance.pid);
    await finished(instance, batchId, await sendManifest(instance, batchId, file));
    return { rows, peak: watch.stop(), before };
  } finally {
    await instance.stop();
  }
}

function speedMeasures(pairs: Pair[], polygons: number): Measure[] {
  const asset = median(pairs.map((pair) => pair.sluice.times.asset));
  const stepNames = Object.keys(pairs[0]?.sluice.times.steps ?? {});
  const bare = (part: keyof BareTimes) => median(pairs.map((pair) => pair.bare[part]));
  return [
    { name: 'Sluice, manifest to asset', value: asset, unit: 's' },
    { name: 'bare tools', value: bare('total'), unit: 's' },
    {
      name: 'ratio',
      value: median(pairs.map((pair) => pair.sluice.times.asset / pair.bare.total)),
      unit: 'x',
      goal: { at_most: 1.2 },
    },
    { name: 'Sluice, rows a second', value: polygons / asset, unit: 'rows/s' },
    ...stepNames.map((step): Measure => ({
      name: `  step ${step}`,
      value: median(pairs.map((pair) => pair.sluice.times.steps[step] ?? Number.NaN)),
      unit: 's',
    })),
    { name: '  bare: ogr2ogr', value: bare('load'), unit: 's' },
    { name: '  bare: SQL', value: bare('transform'), unit: 's' },
    { name: '  bare: Parquet', value: bare('export'), unit: 's' },
    { name: 'asset', value: median(pairs.map((pair) => pair.sluice.bytes)) / MB, unit: 'MB' },
    {
      name: 'peak memory of the gateway and its function processes',
      value: Math.max(...pairs.map((pair) => pair.memory.sluice)) / MB,
      unit: 'MB',
    },
    {
      name: 'peak memory of the programs that they start',
      value: Math.max(...pairs.map((pair) => pair.memory.programs)) / MB,
      unit: 'MB',
    },
  ];
}

function memoryMeasures(runs: { rows: number; peak: PeakMemory; before: number }[]): Measure[] {
  const measures = runs.map(({ rows, peak, before }): Measure => ({
    name: `memory that ${rows} rows need in addition to an idle Sluice`,
    value: (peak.sluice - before) / MB,
    unit: 'MB',
  }));
  const peaks = runs.map(({ peak }) => peak.sluice);
  if (runs.length < 2) return measures;
  const first = runs[0]!;
  const last = runs.at(-1)!;
  return [
    ...measures,
    {
      name: `growth of peak memory from ${first.rows} to ${last.rows} rows`,
      value: (Math.max(...peaks) - first.peak.sluice) / MB,
      unit: 'MB',
      goal: { at_most: 100 },
    },
  ];
}
