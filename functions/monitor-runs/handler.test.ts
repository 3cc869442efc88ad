import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { SluiceEvent } from '#shared/events/event.ts';
import { runFailed, runRequested } from '#shared/events/run-events.ts';
import { schemaOfRun } from '#shared/postgis/run-schema.ts';
import { cancellation } from '#shared/run-control/cancellation.ts';
import { planRerun } from '#shared/run-control/plan-rerun.ts';
import type { Context } from '#shared/runtime/context.ts';
import { tickOf } from '../../gateway/jobs/cron.ts';
import { openFunctionContext, putManifest } from '../../tests/function-context.ts';
import { doStep, exportAsset, startRun } from '../../tests/function-runs.ts';
import { handler as archive } from '../archive/handler.ts';
import { handler } from './handler.ts';
import { reviveRuns } from './revive-runs.ts';

const MINUTE_MS = 60_000;
let opened: Context & AsyncDisposable;
let context: Context;
let published: SluiceEvent[] = [];
beforeAll(async () => {
  opened = await openFunctionContext();
});
afterAll(() => opened[Symbol.asyncDispose]());
beforeEach(() => {
  published = [];
  context = { ...opened, publish: (event) => Promise.resolve(void published.push(event)) };
});

const reviveAfter = (minutes: number) => reviveRuns(context, Date.now() + minutes * MINUTE_MS);
const publishedFor = (runId: string) => published.filter(({ subject }) => subject === runId);
const tick = (due = new Date()) => tickOf({ name: 'monitor-runs', schedule: '* * * * *' }, due);

test('a cancel whose process died before it could say so is said, and archived in the name of whoever canceled', async () => {
  const { run, manifestKey } = await startRun(context, 'halb abgebrochen é #1');
  await context.ledger.endRun(run.run_id, 'canceled', cancellation('Zoë 🗺'));
  await reviveAfter(2);
  const [event] = publishedFor(run.run_id);
  expect(event).toMatchObject({ type: 'sluice.run.canceled', data: { run_id: run.run_id, operator: 'Zoë 🗺' } });
  await archive(event as SluiceEvent, context);
  expect(await context.ledger.getManifest(run.manifest_id)).toMatchObject({
    status: 'canceled',
    archive_key: `archive/${manifestKey}`,
  });
  expect(await context.ledger.listActivity({ run_id: run.run_id })).toContainEqual(
    expect.objectContaining({ activity: 'run_canceled', operator: 'Zoë 🗺' }),
  );
  published = [];
  await reviveAfter(700);
  expect(publishedFor(run.run_id), 'an archived run is over').toEqual([]);
});

test('a rerun whose process died before it could say so is requested, in the name of whoever asked', async () => {
  const { run } = await startRun(context, 'halb wiederholt');
  await context.ledger.endRun(run.run_id, 'failure', { code: 'CRS_MISSING', message: 'No CRS.', details: {} });
  const { run: again } = await context.ledger.insertRerun(
    planRerun(run, [run], { operator: 'Zoë', requestId: 'r', force: false }),
  );
  await reviveAfter(2);
  expect(publishedFor(again.run_id)).toMatchObject([{ id: runRequested(again).id }]);
  expect(await context.ledger.listActivity({ run_id: again.run_id })).toMatchObject([
    { activity: 'run_rerun', operator: 'Zoë' },
  ]);
  expect(publishedFor(run.run_id), 'and the end of the first one').toMatchObject([{ type: 'sluice.run.failed' }]);
});

test('a reply that nobody received goes out again as it was recorded', async () => {
  const { run } = await startRun(context, 'liegen geblieben');
  const exported = await exportAsset(context, run);
  await reviveAfter(2);
  expect(publishedFor(run.run_id)).toEqual([exported]);
});

test('a worker that is at it is left alone; a run in which nothing happens for hours fails with its manifest', async () => {
  const { run } = await startRun(context, 'hängt');
  await doStep(context, run.run_id, 'load-to-postgis', async () => {
    await reviveRuns(context, Date.now() + 0.3 * MINUTE_MS);
    expect(publishedFor(run.run_id)).toEqual([]);
    return undefined;
  });
  await reviveAfter(context.env.RUN_STUCK_MINUTES + 1);
  const error = expect.objectContaining({
    code: 'RUN_STUCK',
    details: expect.objectContaining({ step: 'transform-recipe' }) as object,
  }) as object;
  const failed = await context.ledger.getRun(run.run_id);
  expect(failed).toMatchObject({ status: 'failure', error });
  expect(await context.ledger.getManifest(run.manifest_id)).toMatchObject({ status: 'failure', error });
  expect(publishedFor(run.run_id)).toEqual([{ ...runFailed(run, failed!.error!), time: expect.any(String) as string }]);
});

test('a tick drops the schemas of ended runs, and announces no manifest that was uploaded just now', async () => {
  const { run } = await startRun(context, 'aufgeräumt');
  const session = await context.postgis.openSession(
    { runId: run.run_id, step: 'load-to-postgis', token: 1 },
    context.signal,
  );
  await session.close();
  await putManifest(context, 'manifests/eben erst.json', '{}');
  await handler(tick(new Date(Date.now() - 5 * MINUTE_MS)), context);
  await context.ledger.endRun(run.run_id, 'canceled', cancellation('ana'));
  expect(await context.postgis.listRunSchemas(), 'a tick that is long past does nothing').toContain(
    schemaOfRun(run.run_id),
  );
  await handler(tick(), context);
  expect(await context.postgis.listRunSchemas()).not.toContain(schemaOfRun(run.run_id));
  expect(published.map(({ subject }) => subject)).not.toContain('manifests/eben erst.json');
});
