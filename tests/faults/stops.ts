import assert from 'node:assert/strict';
import { afterAll, beforeAll, expect, onTestFailed, test, vi } from 'vitest';
import { LANE_STEPS } from '#shared/contracts/lanes.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import type { Context } from '#shared/runtime/context.ts';
import { handler as validateManifest } from '../../functions/validate-manifest/handler.ts';
import { openFunctionContext, uploadEvent } from '../function-context.ts';
import { type Batch, BATCHES, datasetsOf, inputDataset, uploadBatch } from './batches.ts';
import {
  durableState,
  executeFunctions,
  isStopped,
  kill,
  startWorker,
  TIMEOUT_MS,
  type Worker,
} from './worker-process.ts';

const LEASE_SECONDS = 1;

/** A write at which a worker is stopped: the first one in the step whose name matches the regular expression. */
export type Stop = [batch: Batch, step: string, stopAt: string];

export interface StopOptions {
  /** Variables of the functions, besides those of the test servers. */
  variables?: Record<string, string>;
  /** Called after the worker is stopped. */
  afterStop?: () => Promise<void>;
}

/**
 * Stops a worker (SIGSTOP) during a step until its lease has expired. Another worker claims the step and ends the run.
 * After that, the first worker continues (SIGCONT), and its writes must not change anything. The same process is the
 * first worker of all batches.
 */
export function describeStops(
  stops: Stop[],
  { variables = {}, afterStop = () => Promise.resolve() }: StopOptions = {},
): void {
  let context: Context & AsyncDisposable;
  let worker: Worker;
  beforeAll(async () => {
    context = await openFunctionContext({ ...variables, CLAIM_LEASE_SECONDS: String(LEASE_SECONDS) });
    worker = startWorker(context);
    const tested = BATCHES.filter((batch) => stops.some(([stopped]) => stopped === batch));
    for (const input of new Set(tested.flatMap(({ inputs }) => inputs))) {
      await executeFunctions(
        context,
        LANE_STEPS[input.lane],
        await admit(context, input, inputDataset(input), inputDataset(input)),
      );
    }
  });
  afterAll(async () => {
    await kill(worker.child);
    await context[Symbol.asyncDispose]();
  });

  test.each(stops.map(([batch, step, stopAt]) => ({ batch, title: batch.title, step, stopAt })))(
    '$title: a worker stopped in $step before "$stopAt" changes nothing after it continues',
    async ({ batch, step, stopAt }) => {
      const batchId = `${batch.title} ${step} ${stopAt}`.replaceAll(/\W+/g, '-');
      const requested = await admit(context, batch, batchId, batchId);
      const runId = requested.subject ?? '';
      const steps: readonly string[] = LANE_STEPS[batch.lane];
      const before = steps.slice(0, steps.indexOf(step));
      const event = await executeFunctions(context, before, requested);

      onTestFailed(async () => {
        await kill(worker.child);
        worker = startWorker(context);
      });
      worker.call({ name: step, event, stopAt });
      await vi.waitUntil(() => isStopped(worker.child), { timeout: TIMEOUT_MS, interval: 20 });
      await afterStop();
      await executeFunctions(context, steps.slice(before.length), event);
      const datasets = datasetsOf(batch, batchId);
      const after = await durableState(context, runId, datasets);
      expect(after).toMatchObject({
        run: { status: 'success' },
        assets: datasets.map((dataset_id) => ({ dataset_id, version: 1 })),
        schemas: [],
        scratch: [],
        unregistered: [],
      });

      worker.child.kill('SIGCONT');
      expect(await worker.outcome()).toMatchObject({ stopped: true });
      expect(await durableState(context, runId, datasets)).toEqual(after);
    },
    2 * TIMEOUT_MS,
  );
}

async function admit(context: Context, batch: Batch, batchId: string, datasetId: string): Promise<SluiceEvent> {
  const event = await validateManifest(uploadEvent(await uploadBatch(batch, batchId, datasetId, context)), context);
  assert(event?.subject !== undefined, `Batch ${batchId} was not admitted.`);
  return event;
}
