import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeMachine } from './machine.ts';
import { significant } from './statistics.ts';

/** One number that a benchmark found. */
export interface Measure {
  name: string;
  value: number;
  unit: 's' | 'ms' | 'x' | 'rows/s' | 'batches/min' | 'runs/s' | 'MB' | 'rows';
  /** What it should be; a number without a goal is there to explain the others. */
  goal?: { at_most: number } | { at_least: number };
}

export interface Benchmark {
  name: string;
  /** What was done, in one sentence. */
  title: string;
  measures: Measure[];
  /** Each repeat as it was measured, for whoever wants to look closer. */
  repeats: Record<string, number>[];
}

const RESULTS = join(import.meta.dirname, 'results');

/** The benchmark as lines of text: name, value, unit, goal and whether it was met. */
export function asText({ title, measures }: Benchmark): string {
  const width = Math.max(...measures.map((measure) => measure.name.length));
  const lines = measures.map((measure) =>
    `  ${measure.name.padEnd(width)}  ${String(significant(measure.value)).padStart(9)} ${measure.unit.padEnd(11)} ${goalText(measure)}`.trimEnd(),
  );
  return [title, ...lines, ''].join('\n');
}

/** True when the measure has no goal, or met it. */
export function meetsGoal({ value, goal }: Measure): boolean {
  if (goal === undefined) return true;
  return 'at_most' in goal ? value <= goal.at_most : value >= goal.at_least;
}

function goalText(measure: Measure): string {
  const { goal } = measure;
  if (goal === undefined) return '';
  const wanted = 'at_most' in goal ? `at most ${goal.at_most}` : `at least ${goal.at_least}`;
  return `${meetsGoal(measure) ? 'met' : 'MISSED'} (${wanted})`;
}

/** Writes the result beside those of other benchmarks, with the machine it was measured on; gives the path. */
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
