import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { isArchived } from '#shared/run-control/resume-run.ts';
import { inconsistencies } from '../lake-consistency.ts';
import { startTestSluice, type TestSluice } from '../running-sluice.ts';
import { type Batch, datasetsOf, RASTERS, TABLES, uploadBatch, VECTOR } from './batches.ts';

/**
 * The process of the functions is killed or stopped again and again while batches are processed. The gateway restarts
 * it, and each run ends as if nothing had happened. The signals meet a different moment in each repetition.
 */

const BATCHES = [VECTOR, RASTERS, TABLES];
const RUN_TIMEOUT_MS = 55_000;

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

// A delay in milliseconds from the upload to the signal.
test.runIf(globalThis.process.platform === 'linux').each([20, 150, 400, 900])(
  'a process that is killed %i ms after the uploads fails no run',
  async (delay) => {
    const before = hostProcess();
    expect(before).toBeDefined();
    const batches = Promise.all(BATCHES.map((batch, index) => process(batch, `killed-${delay}-${index}`)));
    await sleep(delay);
    globalThis.process.kill(before!, 'SIGKILL');
    await batches;
    expect(hostProcess()).not.toBe(before);
    expect(await inconsistencies(sluice.context)).toEqual([]);
  },
);

test.runIf(globalThis.process.platform === 'linux')('a process that is stopped is replaced', async () => {
  const before = hostProcess();
  const batches = Promise.all(BATCHES.map((batch, index) => process(batch, `stopped-${index}`)));
  await sleep(100);
  globalThis.process.kill(before!, 'SIGSTOP');
  await batches;
  expect(hostProcess()).not.toBe(before);
  expect(await inconsistencies(sluice.context)).toEqual([]);
});
