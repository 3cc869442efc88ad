import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

/** One result of a benchmark. */
export interface Measure {
  name: string;
  value: number;
  unit: 's' | 'ms' | 'x' | 'rows/s' | 'batches/min' | 'runs/s' | 'MB' | 'rows' | 'transactions' | 'connections';
  /** Measures without a goal explain the others. */
  goal?: { at_most: number } | { at_least: number };
}

export interface Benchmark {
  name: string;
  /** The workload. */
  title: string;
  measures: Measure[];
  /** The values of each repeat. */
  repeats: Record<string, number>[];
}

const RESULTS = join(import.meta.dirname, 'results');

/** Formats the benchmark as lines: name, value, unit, result and goal. */
export function asText({ title, measures }: Benchmark): string {
  const width = Math.max(...measures.map((measure) => measure.name.length));
  const lines = measures.map((measure) =>
    (
      `  ${measure.name.padEnd(width)}  ${String(significant(measure.value)).padStart(9)} ` +
      `${measure.unit.padEnd(11)} ${goalText(measure)}`
    ).trimEnd(),
  );
  return [title, ...lines, ''].join('\n');
}

/** Whether the measure meets its goal, or has none. */
export function meetsGoal({ value, goal }: Measure): boolean {
  if (goal === undefined) return true;
  return 'at_most' in goal ? value <= goal.at_most : value >= goal.at_least;
}

function goalText(measure: Measure): string {
  const { goal } = measure;
  if (goal === undefined) return '';
  const limit = 'at_most' in goal ? `at most ${goal.at_most}` : `at least ${goal.at_least}`;
  return `${meetsGoal(measure) ? 'met' : 'MISSED'} (${limit})`;
}

/** Writes the result with a description of the machine to bench/results. Returns the path. */
export async function record(benchmark: Benchmark): Promise<string> {
  await mkdir(RESULTS, { recursive: true });
  const path = join(RESULTS, `${benchmark.name}.json`);
  const rounded = {
    ...benchmark,
    measures: benchmark.measures.map((measure) => ({ ...measure, value: significant(measure.value) })),
  };
  await writeFile(path, `${JSON.stringify({ machine: await describeMachine(), ...rounded }, undefined, 2)}\n`);
  return path;
}

/** The machine of a measurement. Only ratios can be compared between machines. */
export interface Machine {
  cpu: string;
  cores: number;
  memory_gib: number;
  system: string;
  node: string;
  gdal: string;
  commit: string;
  measured_at: string;
}

const GIB = 2 ** 30;

export async function describeMachine(): Promise<Machine> {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memory_gib: Math.round(totalmem() / GIB),
    system: `${platform()} ${release()}`,
    node: process.version,
    gdal: await firstLine('ogrinfo', ['--version']),
    commit: await firstLine('git', ['rev-parse', '--short', 'HEAD']),
    measured_at: new Date().toISOString(),
  };
}

async function firstLine(program: string, args: string[]): Promise<string> {
  const { stdout, failed } = await execa(program, args, { reject: false });
  return failed ? 'unknown' : (stdout.split('\n')[0] ?? '');
}

/** The percentile of `share` (0 to 1) by the nearest-rank method. NaN without values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length === 0) return Number.NaN;
  return Number.isInteger(middle) ? (sorted[middle - 1]! + sorted[middle]!) / 2 : sorted[Math.floor(middle)]!;
}

/** Rounds to `digits` significant digits. More digits vary between measurements. */
export function significant(value: number, digits = 3): number {
  return Number.isFinite(value) ? Number(value.toPrecision(digits)) : value;
}
