import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { runFailed } from '#shared/events/run-events.ts';
import type { Context } from '#shared/runtime/context.ts';
import { openFunctionContext, putManifest, uploadEvent, vectorManifest } from '../../tests/function-context.ts';
import { doStep, exportAsset, startRun } from '../../tests/function-runs.ts';
import { handler as recordLineage } from '../record-lineage/handler.ts';
import { handler as validateManifest } from '../validate-manifest/handler.ts';
import { handler } from './handler.ts';
import { deadLetterEvent } from '../../gateway/router/dead-letter-store.ts';

let context: Context & AsyncDisposable;
beforeAll(async () => {
  context = await openFunctionContext();
});
afterAll(() => context[Symbol.asyncDispose]());

const noCrs = new SluiceError('CRS_MISSING', 'roads é.shp has no .prj file.', {
  details: { file: 'roads é.shp', hint: 'x'.repeat(2000) },
});
const deadLetter = (event: SluiceEvent, functionName: string, error = noCrs) =>
  deadLetterEvent(event, functionName, error);

describe('a dead letter of a step', () => {
  test('fails the run and its manifest with the complete error; a repeat returns the same event', async () => {
    const { run, requested } = await startRun(context, 'no crs #1');
    await expect(doStep(context, run.run_id, 'load-to-postgis', () => Promise.reject(noCrs))).rejects.toThrow();
    const reply = await handler(deadLetter(requested, 'load-to-postgis'), context);
    const error = noCrs.toDocument();
    expect(reply).toMatchObject({
      type: 'sluice.run.failed',
      subject: run.run_id,
      data: { run_id: run.run_id, error },
    });
    expect(await context.ledger.getRun(run.run_id)).toMatchObject({ status: 'failure', error });
    expect(await context.ledger.getManifest(run.manifest_id)).toMatchObject({ status: 'failure', error });
    expect(await context.ledger.listActivity({ run_id: run.run_id })).toMatchObject([
      { activity: 'run_failed', details: { step: 'load-to-postgis' } },
      { activity: 'run_started' },
    ]);

    const repeat = await handler(
      deadLetter(requested, 'load-to-postgis', new SluiceError('INTERNAL', 'Something else.')),
      context,
    );
    expect(repeat).toMatchObject({ id: reply?.id, data: { error } });
    expect(await context.ledger.listActivity({ run_id: run.run_id })).toHaveLength(2);
  });

  test('of a worker that crashed without a reply names the function', async () => {
    const { run, requested } = await startRun(context, 'killed');
    const event = {
      ...requested,
      knativeerrordest: 'http://load-to-postgis.sluice.svc.cluster.local',
      knativeerrorcode: '502',
      knativeerrordata: Buffer.from('<html>').toString('base64'),
    };
    expect(await handler(event, context)).toMatchObject({
      data: { error: { code: 'FUNCTION_UNAVAILABLE', message: 'load-to-postgis did not respond (HTTP 502).' } },
    });
    expect(await context.ledger.getRun(run.run_id)).toMatchObject({ status: 'failure' });
  });

  test('with a broker, posts the event, because Knative ignores the reply', async () => {
    const { run, requested } = await startRun(context, 'with a broker');
    const published: SluiceEvent[] = [];
    const withBroker: Context = {
      ...context,
      env: { ...context.env, K_SINK: 'http://broker.example/ns/default' },
      publish: (event) => Promise.resolve(void published.push(event)),
    };
    const reply = await handler(deadLetter(requested, 'load-to-postgis'), withBroker);
    expect(reply).toMatchObject({ type: 'sluice.run.failed', subject: run.run_id });
    expect(published).toEqual([reply]);
  });

  test('of a step whose reply the broker did not accept returns the recorded reply', async () => {
    const { run, requested } = await startRun(context, 'reply lost');
    const recorded = await doStep(context, run.run_id, 'load-to-postgis', () => Promise.resolve(requested));
    const event = { ...requested, knativeerrordest: 'http://broker-ingress.knative-eventing.svc.cluster.local/s/d' };
    expect(await handler({ ...event, knativeerrorcode: '500' }, context)).toEqual(recorded);
    expect(await context.ledger.getRun(run.run_id)).toMatchObject({ status: 'running' });
  });

  test('of a step that another delivery completed returns the recorded reply, whatever the error', async () => {
    const { run, requested } = await startRun(context, 'done by another');
    const recorded = await doStep(context, run.run_id, 'load-to-postgis', () => Promise.resolve(requested));
    expect(await handler(deadLetter(requested, 'load-to-postgis'), context)).toEqual(recorded);
    expect(await context.ledger.getRun(run.run_id)).toMatchObject({ status: 'running', error: null });
  });

  test('of a step that another worker has claimed ends the run only for a permanent error', async () => {
    const { run, requested } = await startRun(context, 'claimed by another');
    const transient = new SluiceError('DATABASE_UNAVAILABLE', 'PostgreSQL does not respond.');
    await doStep(context, run.run_id, 'load-to-postgis', async () => {
      expect(await handler(deadLetter(requested, 'load-to-postgis', transient), context)).toBeUndefined();
      expect(await context.ledger.getRun(run.run_id)).toMatchObject({ status: 'running', error: null });
      const reply = await handler(deadLetter(requested, 'load-to-postgis'), context);
      expect(reply).toMatchObject({ type: 'sluice.run.failed' });
      return undefined;
    });
    expect(await context.ledger.getRun(run.run_id)).toMatchObject({
      status: 'failure',
      error: { code: 'CRS_MISSING' },
    });
  });

  test('of a busy step changes nothing', async () => {
    const { run, requested } = await startRun(context, 'busy');
    const busy = new SluiceError('STEP_BUSY', 'Another worker executes load-to-postgis.');
    expect(await handler(deadLetter(requested, 'load-to-postgis', busy), context)).toBeUndefined();
    expect(await context.ledger.getRun(run.run_id)).toMatchObject({ status: 'running' });
  });

  test('does not change a canceled run', async () => {
    const { run, requested } = await startRun(context, 'canceled');
    await context.ledger.endRun(run.run_id, 'canceled', null);
    expect(await handler(deadLetter(requested, 'load-to-postgis'), context)).toBeUndefined();
    expect(await context.ledger.getRun(run.run_id)).toMatchObject({ status: 'canceled' });
  });

  test('of the step that ended the run returns its recorded reply, so that the run is archived', async () => {
    const { run } = await startRun(context, 'closed');
    const exported = await exportAsset(context, run);
    const succeeded = await recordLineage(exported, context);
    expect(await handler(deadLetter(exported, 'record-lineage'), context)).toEqual(succeeded);
    expect(await context.ledger.getRun(run.run_id)).toMatchObject({ status: 'success' });
  });

  test('of archive changes nothing', async () => {
    const { run } = await startRun(context, 'archive died');
    await context.ledger.endRun(run.run_id, 'failure', noCrs.toDocument());
    expect(await handler(deadLetter(runFailed(run, noCrs.toDocument()), 'archive'), context)).toBeUndefined();
  });
});

describe('a dead letter of validate-manifest', () => {
  const broken = new SluiceError('STORE_DENIED', 'The object store rejected the credentials.');

  test('records the manifest as failed and returns the event that archives it', async () => {
    const key = 'manifests/unread é.json';
    await putManifest(context, key, vectorManifest('unread', 'unread/x.zip'));
    const event = deadLetter(uploadEvent(key), 'validate-manifest', broken);
    const reply = await handler(event, context);
    const [document] = await context.ledger.findManifestsByKey(key);
    expect(document).toMatchObject({
      status: 'failure',
      claimed_batch_id: 'unread',
      run_id: null,
      error: broken.toDocument(),
    });
    expect(reply).toMatchObject({ type: 'sluice.manifest.rejected', data: { manifest_id: document?._id } });
    expect(await handler(event, context)).toMatchObject({ id: reply?.id });
  });

  test('whose manifest was admitted returns the request for its run', async () => {
    const key = 'manifests/admitted.json';
    await putManifest(context, key, vectorManifest('admitted', 'admitted/x.zip'), ['admitted/x.zip']);
    const event = uploadEvent(key);
    const requested = await validateManifest(event, context);
    expect(await handler(deadLetter(event, 'validate-manifest', broken), context)).toMatchObject({
      id: requested?.id,
      type: requested?.type,
    });
    expect(await context.ledger.getRun(requested?.subject ?? '')).toMatchObject({ status: 'running' });
  });

  test('with an invalid notification is ignored', async () => {
    expect(
      await handler({ ...deadLetter(uploadEvent('manifests/x.json'), 'validate-manifest', broken), data: {} }, context),
    ).toBeUndefined();
  });
});
