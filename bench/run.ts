import { parseArgs } from 'node:util';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { benchHops } from './hop.ts';
import { benchLedger } from './ledger.ts';
import { benchLarge, LARGE_DEFAULTS } from './large.ts';
import { asText, type Benchmark, meetsGoal, record } from './report.ts';
import { benchScaling } from './scaling.ts';
import { benchSmall, SMALL_DEFAULTS } from './small.ts';

/**
 * `npm run bench -- [hops] [small] [large] [ledger] [scaling] [--repeats N] [--polygons N] [--together N] [--json]
 * [--no-record]`
 *
 * Runs the named benchmarks, or all, and writes their results to bench/results/ (see docs/benchmarks.md). Exits with 1
 * if a goal is missed.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    repeats: { type: 'string' },
    polygons: { type: 'string' },
    together: { type: 'string' },
    json: { type: 'boolean', default: false },
    record: { type: 'boolean', default: true },
  },
  allowNegative: true,
});

const repeats = count('repeats');
const polygons = count('polygons');
const together = count('together');

const BENCHMARKS: Record<string, () => Promise<Benchmark>> = {
  hops: benchHops,
  small: () =>
    benchSmall({
      ...SMALL_DEFAULTS,
      ...(repeats && { repeats }),
      ...(polygons && { polygons }),
      ...(together && { together }),
    }),
  large: () => benchLarge({ ...LARGE_DEFAULTS, ...(repeats && { repeats }), ...(polygons && { polygons }) }),
  ledger: benchLedger,
  scaling: benchScaling,
};

const results: Benchmark[] = [];
for (const name of positionals.length > 0 ? positionals : Object.keys(BENCHMARKS)) {
  const bench = Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
  if (bench === undefined)
    throw new SluiceError(
      'REQUEST_INVALID',
      `Unknown benchmark ${JSON.stringify(name)}. Use one of ${Object.keys(BENCHMARKS).join(', ')}.`,
    );
  const result = await bench();
  results.push(result);
  if (values.record) await record(result);
  if (!values.json) console.log(asText(result));
}
if (values.json) console.log(JSON.stringify(results, undefined, 2));
if (results.some((result) => !result.measures.every(meetsGoal))) process.exitCode = 1;

/** Parses a positive whole number; undefined when the option is not set. */
function count(name: 'repeats' | 'polygons' | 'together'): number | undefined {
  const value = values[name];
  if (value === undefined) return undefined;
  if (!/^[1-9]\d*$/.test(value))
    throw new SluiceError(
      'REQUEST_INVALID',
      `--${name} must be a positive whole number, not ${JSON.stringify(value)}.`,
    );
  return Number(value);
}
