import type { BatchKind } from './batch.ts';
import { GOOD_KINDS } from './good-batches.ts';
import { type Result, submit } from './load.ts';
import type { Random } from './random.ts';
import type { ChaosSluice } from './sluice.ts';

/**
 * Compares the time of good batches beside hostile ones with their usual time: alone, and beside as many other good
 * batches, because batches in flight share the processors.
 */

/** Good batches in flight, and hostile ones beside them. */
const TOGETHER = 3;
/** Good batches of each kind. */
const REPETITIONS = 4;
/** The promise: a good batch succeeds within twice its usual time. */
export const MAX_RATIO = 2;
/** Kinds of hostile batches in the report. */
const SHOWN = 8;

export interface SideBySide {
  results: Result[];
  report: string[];
}

/** Processes the same good batches alone, beside other good ones, and beside hostile ones. */
export async function compareSideBySide(
  sluice: ChaosSluice,
  hostile: BatchKind[],
  random: Random,
): Promise<SideBySide> {
  const good = (name: string) => {
    const kinds = Array.from({ length: REPETITIONS }, () => GOOD_KINDS).flat();
    return inParallel(kinds.entries(), ([n, kind]) => submit(sluice, `${name}-${n}`, kind(n, random)));
  };
  await good('warm-up');
  const usual = await good('usual');
  const besideOthers = async (name: string, kinds: readonly BatchKind[]) => {
    let isDone = false;
    function* endless(): Generator<number> {
      for (let n = 0; !isDone; n += 1) yield n;
    }
    const others = inParallel(endless(), (n) =>
      submit(sluice, `${name}-other-${n}`, kinds[n % kinds.length]!(n, random)),
    );
    const results = await good(name);
    isDone = true;
    return { results, others: await others };
  };
  const crowded = await besideOthers('beside-good', GOOD_KINDS);
  const mixed = await besideOthers('beside-hostile', hostile);
  const report = [
    compare('alone', usual, 'alone', usual),
    compare('beside other good ones', crowded.results, 'alone', usual),
    compare('beside hostile ones', mixed.results, 'alone', usual),
    compare('beside hostile ones', mixed.results, 'beside other good ones', crowded.results),
    slowest(mixed.others),
  ];
  return { results: [...usual, ...crowded.results, ...crowded.others, ...mixed.results, ...mixed.others], report };
}

async function inParallel<T>(items: Iterator<T>, work: (item: T) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  const worker = async () => {
    for (let next = items.next(); next.done !== true; next = items.next()) results.push(await work(next.value));
  };
  await Promise.all(Array.from({ length: TOGETHER }, worker));
  return results;
}

function compare(name: string, results: Result[], usualName: string, usual: Result[]): string {
  const ratios = results
    .map(({ batch, milliseconds }) => ({ kind: batch.kind, ratio: milliseconds / medianOf(batch.kind, usual) }))
    .toSorted((a, b) => a.ratio - b.ratio);
  const at = (share: number) => ratios[Math.ceil(share * ratios.length) - 1]?.ratio.toFixed(2);
  const above = ratios.filter(({ ratio }) => ratio > MAX_RATIO).map(({ kind, ratio }) => `${kind} ${ratio.toFixed(1)}`);
  return (
    `${results.length} good batches ${name}, relative to the median time of their kind ${usualName}: p50 ${at(0.5)}, ` +
    `p90 ${at(0.9)}, max ${at(1)}; ${above.length} above ${MAX_RATIO}${above.length > 0 ? `: ${above.join(', ')}` : ''}`
  );
}

/** The kinds of hostile batches that took longest. */
function slowest(results: Result[]): string {
  const kinds = [...new Set(results.map(({ batch }) => batch.kind))];
  const times = kinds.map((kind) => ({ kind, milliseconds: medianOf(kind, results) }));
  const shown = times.toSorted((a, b) => b.milliseconds - a.milliseconds).slice(0, SHOWN);
  return `${results.length} hostile batches; ${shown.map(({ kind, milliseconds }) => `${kind} ${milliseconds} ms`).join(', ')}`;
}

/** The median time of the batches of a kind, in milliseconds; 0 if there are none. */
export function medianOf(kind: string, results: Result[]): number {
  const times = results.filter(({ batch }) => batch.kind === kind).map(({ milliseconds }) => milliseconds);
  return times.toSorted((a, b) => a - b)[Math.floor((times.length - 1) / 2)] ?? 0;
}
