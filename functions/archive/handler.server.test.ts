import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { makeEvent } from '#shared/events/event.ts';
import { runFailed } from '#shared/events/run-events.ts';
import { PgPostgis } from '#shared/postgis/pg-postgis.ts';
import type { Context } from '#shared/runtime/context.ts';
import { openFunctionContext, putManifest, uploadEvent } from '../../tests/function-context.ts';
import { exportAsset, startRun } from '../../tests/function-runs.ts';
import { handler as recordLineage } from '../record-lineage/handler.ts';
import { handler as validateManifest } from '../validate-manifest/handler.ts';
import { handler } from './handler.ts';

let context: Context & AsyncDisposable;
beforeAll(async () => {
  context = await openFunctionContext();
});
afterAll(() => context[Symbol.asyncDispose]());

const exists = async (key: string, bucket = 'landing-zone') => (await context.objects.head(bucket, key)) !== undefined;
const content = async (key: string) => text(await context.objects.read('landing-zone', key));
/** Executes a run up to `sluice.run.succeeded`. */
const succeed = async (batchId: string) => {
  const started = await startRun(context, batchId);
  const succeeded = await recordLineage(await exportAsset(context, started.run), context);
  assert(succeeded !== undefined, 'The run did not succeed.');
  return { ...started, succeeded };
};
const rejected = async (key: string, manifest: string) => {
  await putManifest(context, key, manifest);
  const event = await validateManifest(uploadEvent(key), context);
  assert(event?.type === 'sluice.manifest.rejected', 'The manifest was not rejected.');
  return { event, manifestId: event.subject ?? '' };
};

describe('the end of a run', () => {
  test('moves the manifest, drops the schema, deletes unregistered objects, and keeps the asset', async () => {
    const { run, manifestKey, succeeded } = await succeed('archiv é #1');
    const [asset] = await context.ledger.listAssets({ run_id: run.run_id });
    const unregistered = `${run.dataset_id}/${run.run_id}/1/half.parquet`;
    await context.objects.put('data-lake', unregistered, 'x');
    // A schema that was created without the fence of the ledger, like one of an older version.
    const unfenced = new PgPostgis(context.env.POSTGIS_URL ?? '');
    const session = await unfenced.openSession(
      { runId: run.run_id, step: 'load-to-postgis', token: 1 },
      context.signal,
    );
    await session.close();
    await unfenced.close();

    expect(await handler(succeeded, context)).toBeUndefined();
    expect([await exists(manifestKey), await exists(`archive/${manifestKey}`)]).toEqual([false, true]);
    expect(JSON.parse(await content(`archive/${manifestKey}`))).toMatchObject({ batch_id: 'archiv é #1' });
    expect(await context.postgis.listRunSchemas()).toEqual([]);
    expect([await exists(unregistered, 'data-lake'), await exists(asset?.s3_key ?? '', 'data-lake')]).toEqual([
      false,
      true,
    ]);
    expect(await context.ledger.getManifest(run.manifest_id)).toMatchObject({
      status: 'success',
      archive_key: `archive/${manifestKey}`,
    });
    expect(await context.ledger.listActivity({ run_id: run.run_id, limit: 1 })).toMatchObject([
      { activity: 'manifest_archived' },
    ]);
    expect(await handler(succeeded, context), 'a repeat').toBeUndefined();
  });

  test('completes an archive step that crashed before the manifest ended, or between copy and delete', async () => {
    const { run, manifestKey } = await startRun(context, 'half archived');
    const error = { code: 'CRS_MISSING', message: 'No CRS.', details: {} } as const;
    await context.ledger.endRun(run.run_id, 'failure', error);
    await context.objects.copy('landing-zone', manifestKey, `archive/${manifestKey}`);
    await handler(runFailed(run, error), context);
    expect([await exists(manifestKey), await exists(`archive/${manifestKey}`)]).toEqual([false, true]);
    expect(await context.ledger.getManifest(run.manifest_id)).toMatchObject({
      status: 'failure',
      error,
      archive_key: `archive/${manifestKey}`,
    });
  });

  test('of a run on a PostGIS server that was removed from POSTGIS_URL drops no schema, and is logged', async () => {
    const { run, manifestKey } = await startRun(context, 'server removed');
    const server = 'db-alt.example:5432/spatial';
    await context.ledger.claimStep({
      runId: run.run_id,
      step: 'load-to-postgis',
      owner: 'é',
      leaseSeconds: 60,
      server,
    });
    const error = { code: 'POSTGIS_SERVER_REMOVED', message: `${server} is missing.`, details: {} } as const;
    await context.ledger.endRun(run.run_id, 'failure', error);
    const warn = vi.fn();
    const log = { ...context.log, info: vi.fn(), warn } as unknown as Context['log'];
    await handler(runFailed(run, error), { ...context, log });
    expect(warn.mock.calls).toContainEqual([
      { run_id: run.run_id, server, reason: 'POSTGIS_URL does not list the server' },
      'Schema:Drop:Skipped',
    ]);
    expect(await exists(`archive/${manifestKey}`)).toBe(true);
  });

  test('waits while the run is running', async () => {
    const { run } = await startRun(context, 'early');
    await expect(
      handler(makeEvent('sluice.run.succeeded', run.run_id, { run_id: run.run_id }), context),
    ).rejects.toMatchObject({ code: 'STEP_BUSY' });
  });

  test('does not touch a newer manifest under the same key', async () => {
    const { run, manifestKey, succeeded } = await succeed('replaced');
    await putManifest(context, manifestKey, '{"newer": true}');
    await handler(succeeded, context);
    expect(await content(manifestKey)).toBe('{"newer": true}');
    expect(JSON.parse(await content(`archive/${manifestKey}`))).toMatchObject({ batch_id: 'replaced' });
    expect(await context.ledger.getManifest(run.manifest_id)).toMatchObject({ archive_key: `archive/${manifestKey}` });
  });
});

describe('a rejected manifest', () => {
  test('is moved; a repeat changes nothing', async () => {
    const { event, manifestId } = await rejected('manifests/bad é #1.json', '{"batch_id":');
    for (let delivery = 0; delivery < 2; delivery += 1) expect(await handler(event, context)).toBeUndefined();
    expect([await exists('manifests/bad é #1.json'), await content('archive/manifests/bad é #1.json')]).toEqual([
      false,
      '{"batch_id":',
    ]);
    expect(await context.ledger.getManifest(manifestId)).toMatchObject({
      archive_key: 'archive/manifests/bad é #1.json',
    });
  });

  test('is stored beside an archived manifest of the same name', async () => {
    const key = 'manifests/same name.json';
    await handler((await rejected(key, 'first')).event, context);
    const { event, manifestId } = await rejected(key, 'second');
    await handler(event, context);
    expect(await content(`archive/${key}`)).toBe('first');
    expect(await content(`archive/manifests/same name.${manifestId}.json`)).toBe('second');
    await handler((await rejected(key, 'first')).event, context);
    expect(await exists(key), 'the first text again needs no second copy').toBe(false);
  });

  test('that exceeds MAX_MANIFEST_BYTES is moved as a whole', async () => {
    const large = `{"note":"${'x'.repeat(3 * 2 ** 20)}"}`;
    await handler((await rejected('manifests/large.json', large)).event, context);
    expect([
      await exists('manifests/large.json'),
      (await context.objects.head('landing-zone', 'archive/manifests/large.json'))?.size,
    ]).toEqual([false, large.length]);
  });
});
