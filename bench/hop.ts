import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseEnv } from '#shared/config/env.ts';
import { openPostgresLedger } from '#shared/ledger/postgres/postgres-ledger.ts';
import { createLogger } from '#shared/log/log.ts';
import type { Context } from '#shared/runtime/context.ts';
import { InProcessCaller } from '#shared/runtime/in-process-caller.ts';
import { startPostgres } from '../gateway/embedded/postgres.ts';
import { createRouter } from '../gateway/router/queue-router.ts';
import { readStack } from '#shared/config/stack.ts';
import { NoOpLane } from './no-op-lane.ts';
import { type Benchmark, median, percentile } from './report.ts';

/** Measures the overhead of Sluice: the vector lane of stack.yml, with functions that only claim and finish a step. */

/** Runs before the measurement that fill caches and prepare statements. */
const WARM_UP_RUNS = 100;
const RUNS_ONE_AT_A_TIME = 100;
const RUNS_AT_ONCE = 500;
/** Runs that are published at the same time. Each next one is published when one of them has ended. */
const PUBLISHERS = 50;
const RUNS_PACED = 200;
/** The rate of the latency goal. */
const PACE_PER_SECOND = 20;
const HOPS = 6;

/** Measures hops with a separate PostgreSQL that has the settings of the embedded one. */
export async function benchHops(): Promise<Benchmark> {
  await mkdir('.cache/bench', { recursive: true });
  const home = await mkdtemp(resolve('.cache/bench/hop-'));
  const postgres = await startPostgres(join(home, 'postgres'));
  try {
    return await measure(await postgres.database('control'));
  } finally {
    await postgres.stop();
    await rm(postgres.data, { recursive: true, force: true });
    await rm(home, { recursive: true, force: true });
  }
}

async function measure(databaseUrl: string): Promise<Benchmark> {
  const env = parseEnv({ ...process.env, LOG_LEVEL: 'warn' });
  const log = createLogger(env);
  const ledger = await openPostgresLedger(databaseUrl);
  const lane = new NoOpLane(ledger);
  // These functions use only the ledger, so the other ports are omitted.
  const context = { env, log, ledger, signal: new AbortController().signal } as Context;
  const caller = new InProcessCaller(context, { load: (name) => Promise.resolve(lane.handler(name)) });
  const router = await createRouter({ databaseUrl, stack: await readStack(), caller, env, log });
  await router.start();
  try {
    const run = () => lane.run((event) => router.publish(event));
    await repeat(WARM_UP_RUNS, PUBLISHERS, run);
    const alone = await phase(lane, () => repeat(RUNS_ONE_AT_A_TIME, 1, run));
    const paced = await phase(lane, () => pace(RUNS_PACED, PACE_PER_SECOND, run));
    const together = await phase(lane, () => repeat(RUNS_AT_ONCE, PUBLISHERS, run));
    return report(alone, paced, together);
  } finally {
    await router.stop();
    await ledger.close();
  }
}

interface Phase {
  seconds: number;
  /** Milliseconds from the publication of an event to the start of its function. */
  hops: number[];
  firstHops: number[];
}

async function phase(lane: NoOpLane, work: () => Promise<void>): Promise<Phase> {
  lane.clearMeasurements();
  const began = performance.now();
  await work();
  return { seconds: (performance.now() - began) / 1000, hops: [...lane.hops], firstHops: [...lane.firstHops] };
}

function report(alone: Phase, paced: Phase, together: Phase): Benchmark {
  const rate = RUNS_AT_ONCE / together.seconds;
  return {
    name: 'hops',
    title: `A run of ${HOPS} functions that only claim and finish their step`,
    measures: [
      { name: 'one run, alone', value: (alone.seconds / RUNS_ONE_AT_A_TIME) * 1000, unit: 'ms' },
      { name: 'hop, median, alone', value: median(alone.hops), unit: 'ms' },
      { name: 'hop, p95, alone', value: percentile(alone.hops, 0.95), unit: 'ms' },
      {
        name: `publish to first handler, p95, at ${PACE_PER_SECOND} runs/s`,
        value: percentile(paced.firstHops, 0.95),
        unit: 'ms',
        goal: { at_most: 100 },
      },
      {
        name: `hop, p95, at ${PACE_PER_SECOND} runs/s`,
        value: percentile(paced.hops, 0.95),
        unit: 'ms',
        goal: { at_most: 100 },
      },
      { name: `${RUNS_AT_ONCE} concurrent runs`, value: rate, unit: 'runs/s', goal: { at_least: 20 } },
      { name: 'overhead of a concurrent run', value: 1000 / rate, unit: 'ms' },
    ],
    repeats: [alone, paced, together].map((one) => ({
      seconds: one.seconds,
      hop_median_ms: median(one.hops),
      hop_p95_ms: percentile(one.hops, 0.95),
    })),
  };
}

/** Executes `work` the given number of times, with `workers` executions at the same time. */
async function repeat(times: number, workers: number, work: () => Promise<void>): Promise<void> {
  let left = times;
  const worker = async () => {
    while (left-- > 0) await work();
  };
  await Promise.all(Array.from({ length: workers }, worker));
}

/** Starts `work` at a constant rate, and waits for all executions. */
async function pace(times: number, perSecond: number, work: () => Promise<void>): Promise<void> {
  const began = performance.now();
  const running: Promise<void>[] = [];
  for (let index = 0; index < times; index += 1) {
    await wait(Math.max(0, began + (index * 1000) / perSecond - performance.now()));
    running.push(work());
  }
  await Promise.all(running);
}
