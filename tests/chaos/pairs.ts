import type { BatchKind } from './batch.ts';
import { GOOD_KINDS } from './good-batches.ts';
import { type Result, submit } from './load.ts';
import type { Random } from './random.ts';
import { MAX_RATIO, medianOf, type SideBySide } from './side-by-side.ts';
import type { ChaosSluice } from './sluice.ts';

/**
 * Compares the time of one good batch beside hostile batches of one kind, one at a time, with its usual time: alone.
 * Both are measured close together, so that other work of the machine changes both.
 */

/** A good batch runs alone once before so many pairs. */
const PAIRS_PER_USUAL = 4;

/** The ratios of a pair of kinds, one for each repetition. */
type Ratios = Map<string, number[]>;

/** Measures each pair of a good and a hostile kind `repetitions` times. */
export async function comparePairs(
  sluice: ChaosSluice,
  hostile: readonly BatchKind[],
  random: Random,
  repetitions: number,
): Promise<SideBySide> {
  const results: Result[] = [];
  const ratios: Ratios = new Map();
  let next = 0;
  const process = async (kind: BatchKind): Promise<Result> => {
    const result = await submit(sluice, `pair-${(next += 1)}`, kind(next, random));
    results.push(result);
    return result;
  };
  const beside = async (good: BatchKind, other: BatchKind): Promise<[Result, Result]> => {
    let isDone = false;
    const others = (async () => {
      let last: Result;
      do last = await process(other);
      while (!isDone);
      return last;
    })();
    const result = await process(good);
    isDone = true;
    return [result, await others];
  };
  for (const good of GOOD_KINDS) await process(good); // Warm-up.
  for (let repetition = 0; repetition < repetitions; repetition += 1) {
    for (const good of GOOD_KINDS) {
      const usual: Result[] = [];
      const measured: [Result, Result][] = [];
      for (const [at, other] of hostile.entries()) {
        if (at % PAIRS_PER_USUAL === 0) usual.push(await process(good));
        measured.push(await beside(good, other));
      }
      for (const [result, other] of measured) {
        const pair = `${result.batch.kind} beside ${other.batch.kind}`;
        ratios.set(pair, [...(ratios.get(pair) ?? []), result.milliseconds / medianOf(result.batch.kind, usual)]);
      }
    }
  }
  return { results, report: [report(ratios, repetitions)] };
}

function report(ratios: Ratios, repetitions: number): string {
  const medians = [...ratios]
    .map(([pair, all]) => ({ pair, ratio: all.toSorted((a, b) => a - b)[Math.floor((all.length - 1) / 2)] ?? 0 }))
    .toSorted((a, b) => a.ratio - b.ratio);
  const at = (share: number) => medians[Math.ceil(share * medians.length) - 1]?.ratio.toFixed(2);
  const above = medians
    .filter(({ ratio }) => ratio > MAX_RATIO)
    .map(({ pair, ratio }) => `${pair} ${ratio.toFixed(1)}`);
  return (
    `${medians.length} pairs of one good and one hostile batch, medians of ${repetitions}, relative to the good batch ` +
    `alone: p50 ${at(0.5)}, p90 ${at(0.9)}, max ${at(1)}; ${above.length} above ${MAX_RATIO}` +
    (above.length > 0 ? `: ${above.join(', ')}` : '')
  );
}
