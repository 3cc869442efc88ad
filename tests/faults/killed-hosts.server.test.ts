import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { StepName } from '#shared/contracts/lanes.ts';
import { isArchived } from '#shared/run-control/resume-run.ts';
import { inconsistencies } from '../lake-consistency.ts';
import { startTestSluice, type TestSluice } from '../running-sluice.ts';
import { type Batch, datasetsOf, RASTERS, TABLES, uploadBatch, VECTOR } from './batches.ts';

/**
 * The process of the functions is killed or stopped again and again while batches are processed. The gateway restarts
 * it, and each run ends with the same result as without a crash.
 */

const BATCHES = [VECTOR, RASTERS, TABLES];
const RUN_TIMEOUT_MS = 55_000;
const isLinux = globalThis.process.platform === 'linux';

let sluice: TestSluice;
beforeAll(async () => {
  sluice = await startTestSluice();
});
afterAll(() => sluice[Symbol.asyncDispose]());

/** The process that executes the functions: the first child that serves a socket in the home folder. */
function hostProcess(): number | undefined {
  const folder = `${sluice.env.SLUICE_HOME}/hosts/`;
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .map(Number)
    .find((pid) => commandOf(pid).some((argument) => argument.startsWith(folder)));
}

function commandOf(pid: number): string[] {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return command[0]?.endsWith('node') === true ? command : [];
  } catch {
    return [];
  }
}

const runOf = async (batchId: string) => (await sluice.context.ledger.listRuns({ batch_id: batchId }))[0];

async function process(batch: Batch, batchId: string): Promise<void> {
  await uploadBatch(batch, batchId, batchId, sluice.context);
  await vi.waitUntil(async () => isArchived((await runOf(batchId)) ?? { steps: [] }), {
    timeout: RUN_TIMEOUT_MS,
    interval: 50,
  });
  expect(await runOf(batchId)).toMatchObject({ status: 'success', error: null });
  for (const dataset of datasetsOf(batch, batchId))
    expect(await sluice.context.ledger.listAssets({ dataset_id: dataset })).toHaveLength(1);
}

/** Waits until the process has begun a step of a run. */
const begun = (batchId: string, step: StepName) =>
  vi.waitUntil(
    async () => (await runOf(batchId))?.steps.some(({ name, status }) => name === step && status !== 'pending'),
    { timeout: RUN_TIMEOUT_MS, interval: 1 },
  );

test.runIf(isLinux).each<StepName>(['load-to-postgis', 'transform-recipe', 'export-geoparquet', 'record-lineage'])(
  'a process that is killed during %s fails no run (needs /proc of Linux)',
  async (step) => {
    const before = hostProcess();
    expect(before).toBeDefined();
    const batches = Promise.all(BATCHES.map((batch, index) => process(batch, `killed-${step}-${index}`)));
    await begun(`killed-${step}-0`, step);
    globalThis.process.kill(before!, 'SIGKILL');
    await batches;
    expect(hostProcess()).not.toBe(before);
    expect(await inconsistencies(sluice.context)).toEqual([]);
  },
);

test.runIf(isLinux)('a process that is stopped is replaced (needs /proc of Linux)', async () => {
  const before = hostProcess();
  const batches = Promise.all(BATCHES.map((batch, index) => process(batch, `stopped-${index}`)));
  await begun('stopped-0', 'load-to-postgis');
  globalThis.process.kill(before!, 'SIGSTOP');
  await batches;
  expect(hostProcess()).not.toBe(before);
  expect(await inconsistencies(sluice.context)).toEqual([]);
});
