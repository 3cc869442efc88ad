import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { SluiceEvent } from '#shared/events/event.ts';
import { runFailed, runRequested } from '#shared/events/run-events.ts';
import { schemaOfRun } from '#shared/postgis/run-schema.ts';
import type { Context } from '#shared/runtime/context.ts';
import { canceledError } from '#shared/run-control/end-run.ts';
import { planRerun } from '#shared/run-control/rerun.ts';
import { tickOf } from '../../gateway/jobs/cron.ts';
import { openFunctionContext, putManifest } from '../../tests/function-context.ts';
import { doStep, exportAsset, startRun } from '../../tests/function-runs.ts';
import { handler as archive } from '../archive/handler.ts';
import { handler } from './handler.ts';
import { resumeRuns } from './resume-runs.ts';

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

const resumeAfter = (minutes: number) => resumeRuns(context, Date.now() + minutes * MINUTE_MS);
const publishedFor = (runId: string) => published.filter(({ subject }) => subject === runId);
const tick = (due = new Date()) => tickOf({ name: 'monitor-runs', schedule: '* * * * *' }, due);

test('publishes a cancellation that was not published before a crash, with its operator', async () => {
  const { run, manifestKey } = await startRun(context, 'halb abgebrochen é #1');
  await context.ledger.endRun(run.run_id, 'canceled', canceledError('Zoë 🗺'));
  await resumeAfter(2);
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
  await resumeAfter(700);
  expect(publishedFor(run.run_id), 'nothing is published for an archived run').toEqual([]);
});

test('publishes the request of a rerun that was not published before a crash, and writes its activity', async () => {
  const { run } = await startRun(context, 'halb wiederholt');
  await context.ledger.endRun(run.run_id, 'failure', { code: 'CRS_MISSING', message: 'No CRS.', details: {} });
  const { run: again } = await context.ledger.insertRerun(
    planRerun(run, [run], { operator: 'Zoë', requestId: 'r', force: false }),
  );
  await resumeAfter(2);
  expect(publishedFor(again.run_id)).toMatchObject([{ id: runRequested(again).id }]);
  expect(await context.ledger.listActivity({ run_id: again.run_id })).toMatchObject([
    { activity: 'run_rerun', operator: 'Zoë' },
  ]);
  expect(publishedFor(run.run_id), 'the end of the first run is published, too').toMatchObject([
    { type: 'sluice.run.failed' },
  ]);
});

test('publishes a lost reply as it was recorded', async () => {
  const { run } = await startRun(context, 'liegen geblieben');
  const exported = await exportAsset(context, run);
  await resumeAfter(2);
  expect(publishedFor(run.run_id)).toEqual([exported]);
});

test('does not touch a run with a valid claim, and fails a run without progress', async () => {
  const { run } = await startRun(context, 'hängt');
  await doStep(context, run.run_id, 'load-to-postgis', async () => {
    await resumeRuns(context, Date.now() + 0.3 * MINUTE_MS);
    expect(publishedFor(run.run_id)).toEqual([]);
    return undefined;
  });
  await resumeAfter(context.env.RUN_STUCK_MINUTES + 1);
  const error = expect.objectContaining({
    code: 'RUN_STUCK',
    details: expect.objectContaining({ step: 'transform-recipe' }) as object,
  }) as object;
  const failed = await context.ledger.getRun(run.run_id);
  expect(failed).toMatchObject({ status: 'failure', error });
  expect(await context.ledger.getManifest(run.manifest_id)).toMatchObject({ status: 'failure', error });
  expect(publishedFor(run.run_id)).toEqual([{ ...runFailed(run, failed!.error!), time: expect.any(String) as string }]);
});

test('publishes to a broker after 1, 2, 4, 8, … minutes, however late the ticks arrive', async () => {
  const { run, manifestKey } = await startRun(context, 'mit broker');
  const lost = 'manifests/verloren é.json';
  await putManifest(context, lost, '{}');
  const withBroker = { ...context, env: { ...context.env, K_SINK: 'http://broker.example/sluice/default' } };
  /** The publications for a subject up to each of ten ticks, from the first full minute after `since`. */
  const publications = async (subject: string, since: string | undefined) => {
    published = [];
    const minute = Math.ceil(Date.parse(since ?? '') / MINUTE_MS);
    const counts: number[] = [];
    for (const [index, seconds] of [0, 29, 0.2, 25, 1, 29, 0, 12, 28, 0].entries()) {
      await handler(tick(new Date((minute + 1 + index) * MINUTE_MS + seconds * 1000)), withBroker);
      counts.push(publishedFor(subject).length);
    }
    return counts;
  };
  const head = await context.objects.head(context.env.LANDING_BUCKET, lost);
  const expected = [1, 2, 2, 3, 3, 3, 3, 4, 4, 4];
  expect(await publications(lost, head?.modified)).toEqual(expected);
  expect(await publications(run.run_id, (await context.ledger.getRun(run.run_id))?.updated_at)).toEqual(expected);
  expect(publishedFor(manifestKey), 'the run has its own event').toEqual([]);
});

test('drops the schemas of ended runs, and publishes no manifest that was uploaded recently', async () => {
  const { run } = await startRun(context, 'aufgeräumt');
  const session = await context.postgis.openSession(
    { runId: run.run_id, step: 'load-to-postgis', token: 1 },
    context.signal,
  );
  await session.close();
  await putManifest(context, 'manifests/eben erst.json', '{}');
  await handler(tick(new Date(Date.now() - 5 * MINUTE_MS)), context);
  await context.ledger.endRun(run.run_id, 'canceled', canceledError('ana'));
  expect(await context.postgis.listRunSchemas(), 'an old tick does nothing').toContain(schemaOfRun(run.run_id));
  await handler(tick(), context);
  expect(await context.postgis.listRunSchemas()).not.toContain(schemaOfRun(run.run_id));
  expect(published.map(({ subject }) => subject)).not.toContain('manifests/eben erst.json');
});
