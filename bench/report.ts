import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeMachine } from './machine.ts';
import { significant } from './statistics.ts';

/** One result of a benchmark. */
export interface Measure {
  name: string;
  value: number;
  unit: 's' | 'ms' | 'x' | 'rows/s' | 'batches/min' | 'runs/s' | 'MB' | 'rows';
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
    `  ${measure.name.padEnd(width)}  ${String(significant(measure.value)).padStart(9)} ${measure.unit.padEnd(11)} ${goalText(measure)}`.trimEnd(),
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
