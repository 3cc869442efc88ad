import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Stack, readStack } from '#shared/config/stack.ts';
import { LANE_STEPS } from '#shared/contracts/lanes.ts';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import { EVENT_SCHEMAS, type EventData, type EventType, makeEvent, type SluiceEvent } from '#shared/events/event.ts';
import { postEvent } from '#shared/events/post-event.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { cancelRun } from '#shared/run-control/end-run.ts';
import { isArchived, nextEvent } from '#shared/run-control/resume-run.ts';
import type { Context } from '#shared/runtime/context.ts';
import { loadHandler } from '#shared/runtime/in-process-caller.ts';
import { deadLetterEvent } from '../../gateway/router/dead-letter-store.ts';
import { openFunctionContext, vectorManifest } from '../function-context.ts';
import { doStep, exportAsset, startRun } from '../function-runs.ts';
import { claimStep } from '../loaded-run.ts';
import { startTestSluice } from '../running-sluice.ts';

/** Any client can post an event. The events decide nothing: the ledger decides which step is next, and its input. */

const COUNTRIES = new URL('../../gateway/console/sample/countries.zip', import.meta.url);
const ERROR = { code: 'CANCELED', message: 'eve forged this', details: {} } as const;

type Forgery = { [T in EventType]: (run: RunDocument) => EventData<T> };

/** Valid data of every event type, with content that differs from every real one. */
const FORGED: Forgery = {
  'sluice.manifest.rejected': ({ manifest_id, tags }) => ({
    manifest_id,
    manifest_key: tags.manifest_key,
    error: ERROR,
  }),
  'sluice.run.requested.vector': ({ run_id }) => ({ run_id }),
  'sluice.run.requested.raster': ({ run_id }) => ({ run_id }),
  'sluice.run.requested.tabular': ({ run_id }) => ({ run_id }),
  'sluice.run.requested.join': ({ run_id }) => ({ run_id }),
  'sluice.table.loaded': ({ run_id }) => ({ run_id, files: [], srid: 3857, row_count: 0, columns: [], notes: [] }),
  'sluice.table.ready': ({ run_id }) => ({
    run_id,
    recipe: 'forged',
    parameters: {},
    steps: [],
    crs: 'EPSG:3857',
    quality: { null_geometries: 9, empty_geometries: 9, repaired_geometries: 9 },
  }),
  'sluice.asset.exported': ({ run_id }) => ({ run_id, asset_ids: [], reused: true }),
  'sluice.run.succeeded': ({ run_id }) => ({ run_id }),
  'sluice.run.failed': ({ run_id }) => ({ run_id, error: ERROR }),
  'sluice.run.canceled': ({ run_id }) => ({ run_id, operator: 'eve' }),
};
const TYPES = Object.keys(EVENT_SCHEMAS) as EventType[];
const VECTOR_STEPS = LANE_STEPS.vector.slice(0, -1);

function forge(type: EventType, run: RunDocument): SluiceEvent {
  const data = (FORGED[type] as (from: RunDocument) => EventData<EventType>)(run);
  return { ...makeEvent(type, run.run_id, data), sluiceclaim: 'export-geoparquet/99' };
}

describe('in each state of a run', () => {
  let context: Context & AsyncDisposable;
  let stack: Stack;
  beforeAll(async () => {
    [context, stack] = [await openFunctionContext(), await readStack()];
  });
  afterAll(() => context[Symbol.asyncDispose]());

  /** Delivers an event to its functions, and a permanent error to the dead-letter sink, as the router does. */
  async function deliver(event: SluiceEvent): Promise<void> {
    for (const name of stack.subscribers(event.type)) {
      try {
        await (
          await loadHandler(name)
        )(event, context);
      } catch (thrown) {
        const error = asSluiceError(thrown);
        if (!error.retryable) await (await loadHandler('fail-run'))(deadLetterEvent(event, name, error), context);
        else expect(error.code).toBe('STEP_BUSY');
      }
    }
  }

  async function stateOf({ run_id, manifest_id, dataset_id }: RunDocument): Promise<unknown> {
    const { ledger } = context;
    return {
      run: await ledger.getRun(run_id),
      manifest: await ledger.getManifest(manifest_id),
      assets: await ledger.listAssets({ dataset_id }),
      activity: await ledger.listActivity({ run_id }),
    };
  }

  async function expectUnchangedByForgeries(run: RunDocument): Promise<void> {
    for (const type of TYPES) {
      const before = await stateOf(run);
      await deliver(forge(type, run));
      expect(await stateOf(run), type).toEqual(before);
    }
  }

  test.each(VECTOR_STEPS)('while %s is executed, forged events change nothing', async (step) => {
    const { run } = await startRun(context, `während ${step}`, { metadata: { tags: { dataset_id: `w-${step}` } } });
    for (const earlier of VECTOR_STEPS.slice(0, VECTOR_STEPS.indexOf(step)))
      await doStep(context, run.run_id, earlier, async () =>
        makeEvent('sluice.asset.exported', run.run_id, { run_id: run.run_id, asset_ids: [], reused: false }),
      );
    await claimStep(context.ledger, run.run_id, step);
    await expectUnchangedByForgeries(run);
  });

  test.each(['success', 'failure', 'canceled'] as const)('after %s, forged events change nothing', async (status) => {
    const { run } = await startRun(context, `nach ${status}`, { metadata: { tags: { dataset_id: `n-${status}` } } });
    if (status === 'success') await deliver(await exportAsset(context, run));
    else await context.ledger.endRun(run.run_id, status, ERROR);
    const ended = (await context.ledger.getRun(run.run_id)) ?? expect.unreachable();
    expect(ended.status).toBe(status);
    await deliver(nextEvent(ended) ?? expect.unreachable());
    expect(isArchived((await context.ledger.getRun(run.run_id)) ?? { steps: [] })).toBe(true);
    await expectUnchangedByForgeries(run);
  });

  test('a forged event of the due step starts it with the input in the ledger', async () => {
    const { run } = await startRun(context, 'fällig', { metadata: { tags: { dataset_id: 'fällig' } } });
    const { asset_ids } = (await exportAsset(context, run)).data as EventData<'sluice.asset.exported'>;
    await deliver(forge('sluice.asset.exported', run));
    expect(await context.ledger.getRun(run.run_id)).toMatchObject({ status: 'success', asset_ids });
    const [asset] = await context.ledger.listAssets({ dataset_id: 'fällig' });
    expect(asset).toMatchObject({ _id: asset_ids[0], stac_key: 'fällig/v1.json' });
  });
});

test('a run succeeds with its asset while every event type is posted to /events', async () => {
  await using sluice = await startTestSluice();
  const { objects, ledger } = sluice.context;
  const [file, key] = ['ernst/länder + é.zip', 'manifests/ernst.json'];
  await objects.put('landing-zone', file, await readFile(COUNTRIES));
  await objects.put('landing-zone', key, JSON.stringify(vectorManifest('ernst', file)));
  const runNow = async () => (await ledger.listRuns({ batch_id: 'ernst' }))[0] ?? expect.unreachable();
  const run = await vi.waitFor(runNow, 30_000);
  for (const type of TYPES)
    await postEvent({ url: new URL('/events', sluice.url) }, forge(type, run), AbortSignal.timeout(30_000));
  await vi.waitFor(async () => expect(isArchived(await runNow())).toBe(true), { timeout: 90_000, interval: 50 });
  expect(await runNow()).toMatchObject({ status: 'success', asset_ids: [expect.any(String)] });
  expect(await ledger.listAssets({ run_id: run.run_id })).toMatchObject([{ version: 1, stac_key: expect.any(String) }]);
  expect(await ledger.findManifestByBatch('ernst')).toMatchObject({ status: 'success', error: null });
  await expect(
    cancelRun(run.run_id, 'ana', { ledger, router: sluice.router }),
    'the versions stay published',
  ).rejects.toMatchObject({
    code: 'TRANSITION_ILLEGAL',
    message: expect.stringContaining('Its versions are in the catalog.') as string,
  });
});
