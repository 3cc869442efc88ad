import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Lane } from '#shared/contracts/lanes.ts';
import type { Context } from '#shared/runtime/context.ts';
import { openFunctionContext, putManifest, uploadEvent, vectorManifest } from '../../tests/function-context.ts';
import { checkManifest } from './check-manifest.ts';
import { handler } from './handler.ts';

let context: Context & AsyncDisposable;
beforeAll(async () => {
  context = await openFunctionContext({ MAX_FILE_BYTES: '1000' });
});
afterAll(() => context[Symbol.asyncDispose]());

const FILE = 'straßen #1/roads + paths é 🗺.zip';
/** Uploads files and manifest, and delivers the notification. */
async function upload(key: string, manifest: unknown, files = [FILE], event = uploadEvent(key)) {
  await putManifest(context, key, manifest, files);
  return { event, reply: await handler(event, context) };
}
const rejectedBy = async (key: string, manifest: unknown, files = [FILE]) => {
  const { reply } = await upload(key, manifest, files);
  const [document] = await context.ledger.findManifestsByKey(key);
  expect(reply).toMatchObject({
    type: 'sluice.manifest.rejected',
    data: { manifest_id: document?._id, manifest_key: key, error: document?.error },
  });
  return document;
};

test('run and rejection have the traceparent of the notification of the manifest', async () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const notify = async (key: string, manifest: unknown) => {
    await putManifest(context, key, manifest, [FILE]);
    return handler({ ...uploadEvent(key), traceparent }, context);
  };
  const reply = await notify('manifests/traced.json', vectorManifest('traced', FILE));
  expect(reply).toMatchObject({ type: 'sluice.run.requested.vector', traceparent });
  expect(await context.ledger.getRun(reply?.subject ?? '')).toMatchObject({ traceparent });
  expect(await notify('manifests/traced wrong.json', '{')).toMatchObject({
    type: 'sluice.manifest.rejected',
    traceparent,
  });
});

describe('a valid manifest', () => {
  test('is admitted once: run, dataset, activity, and the request for its lane', async () => {
    const key = 'manifests/b 1 + é #2.json';
    const manifest = vectorManifest('batch é/1', FILE, { metadata: { tags: { dataset_id: 'straßen' } } });
    const { event, reply } = await upload(key, manifest);
    expect(reply).toMatchObject({
      type: 'sluice.run.requested.vector',
      subject: expect.any(String),
      data: { run_id: reply?.subject },
    });
    const run = await context.ledger.getRun(reply?.subject ?? '');
    expect(run).toMatchObject({
      batch_id: 'batch é/1',
      lane: 'vector',
      status: 'running',
      dataset_id: 'straßen',
      tags: {
        manifest_key: key,
        operator: 'zoë',
        intent: 'ingest_vector',
        lane: 'ingest',
        manifest_archive_key: `archive/${key}`,
      },
    });
    expect(await context.ledger.findManifestsByKey(key)).toMatchObject([
      { batch_id: 'batch é/1', run_id: run?.run_id, status: 'running', lane: 'vector' },
    ]);
    expect(await handler(event, context)).toMatchObject({ id: reply?.id, type: reply?.type });
    expect(await context.ledger.listActivity({ run_id: run?.run_id ?? '' })).toMatchObject([
      { activity: 'run_started', operator: 'zoë' },
    ]);
  });

  test('starts one run for any number of deliveries and workers', async () => {
    const key = 'manifests/many.json';
    await putManifest(context, key, vectorManifest('many', FILE), [FILE]);
    const events = Array.from({ length: 50 }, (_, index) => uploadEvent(key, `delivery ${index % 5}`));
    const replies = await Promise.all(events.map((event) => handler(event, context)));
    expect(new Set(replies.map((reply) => reply?.id)).size).toBe(1);
    expect(await context.ledger.listRuns({ batch_id: 'many' })).toHaveLength(1);
  });

  test('gets a generated dataset id if it has none', async () => {
    const { reply } = await upload('manifests/nameless.json', vectorManifest('nameless', FILE));
    const run = await context.ledger.getRun(reply?.subject ?? '');
    expect(run?.dataset_id).toMatch(/^dataset_[0-9a-f]{12}$/);
  });

  test('keeps its run if a file is deleted after admission', async () => {
    const key = 'manifests/removed.json';
    const { event, reply } = await upload(key, vectorManifest('removed', 'removed/x.zip'), ['removed/x.zip']);
    await context.objects.delete('landing-zone', 'removed/x.zip');
    expect(await handler(event, context)).toMatchObject({ id: reply?.id });
    expect(await context.ledger.findManifestsByKey(key)).toHaveLength(1);
  });

  test('that was deleted returns its request again while the first step is pending', async () => {
    const key = 'manifests/taken away.json';
    const { event, reply } = await upload(key, vectorManifest('taken away', FILE));
    await context.objects.delete('landing-zone', key);
    expect(await handler(event, context)).toMatchObject({ id: reply?.id });
  });
});

describe('a batch_id that was used', () => {
  test('rejects another manifest under the same key or another key', async () => {
    const { reply } = await upload('manifests/first.json', vectorManifest('taken', FILE));
    for (const [key, manifest] of [
      ['manifests/second.json', vectorManifest('taken', FILE)],
      ['manifests/first.json', vectorManifest('taken', FILE, { uploader: 'ben' })],
    ] as const) {
      const document = await rejectedBy(key, manifest);
      expect(document).toMatchObject({
        batch_id: null,
        claimed_batch_id: 'taken',
        status: 'failure',
        error: { code: 'BATCH_ID_TAKEN', details: { run_id: reply?.subject, manifest_key: 'manifests/first.json' } },
      });
    }
    expect(await context.ledger.listRuns({ batch_id: 'taken' })).toHaveLength(1);
    expect(await context.ledger.listActivity({ batch_id: 'taken' })).toEqual(
      expect.arrayContaining([expect.objectContaining({ activity: 'manifest_duplicate' })]),
    );
  });

  test('rejects the same manifest if it is uploaded again after it was archived', async () => {
    const key = 'manifests/again.json';
    const { event, reply } = await upload(key, vectorManifest('again', FILE));
    const [document] = await context.ledger.findManifestsByKey(key);
    await context.ledger.markManifestArchived(document?._id ?? '', `archive/${key}`);
    await context.objects.delete('landing-zone', key);
    expect(await handler(event, context), 'a late repeat').toMatchObject({ id: reply?.id });
    const back = await upload(key, vectorManifest('again', FILE));
    expect(back.reply).toMatchObject({ type: 'sluice.manifest.rejected', data: { error: { code: 'BATCH_ID_TAKEN' } } });
  });
});

describe('an invalid manifest', () => {
  test.each([
    ['manifests/text.json', 'not JSON', [], 'MANIFEST_NOT_JSON'],
    ['manifests/latin1.json', Buffer.from('{"batch_id":"Stra\xdfe"}', 'latin1'), [], 'MANIFEST_NOT_UTF8'],
    [
      'manifests/large.json',
      JSON.stringify({ batch_id: 'large', note: 'x'.repeat(2 ** 20) }),
      [],
      'MANIFEST_TOO_LARGE',
    ],
    ['manifests/empty.json', '', [], 'MANIFEST_NOT_JSON'],
    ['manifests/fields.json', { batch_id: 'fields', files: [] }, [], 'MANIFEST_INVALID'],
    ['manifests/path.json', vectorManifest('path', '../x.zip'), [], 'FILE_OUTSIDE_LANDING_ZONE'],
    ['manifests/missing.json', vectorManifest('missing', 'nö/x.zip'), [], 'FILE_MISSING'],
    [
      'manifests/unused.json',
      vectorManifest('unused', FILE, { metadata: { tabular: { sheet: 'S' } } }),
      [FILE],
      'MANIFEST_INVALID',
    ],
    ['manifests/\u202enosj.json', vectorManifest('key', FILE), [FILE], 'MANIFEST_INVALID'],
    ['manifests/lane.json', vectorManifest('lane', FILE, { intent: 'ingest_raster' }), [], 'MANIFEST_INVALID'],
  ])('%s is recorded with its error and text', async (key, manifest, files, code) => {
    const document = await rejectedBy(key, manifest, files);
    expect(document).toMatchObject({
      batch_id: null,
      run_id: null,
      status: 'failure',
      error: { code },
      archive_key: null,
    });
    expect(document?.raw).toBeTypeOf('string');
  });

  test('error lists the missing files and explains that paths are not decoded', async () => {
    const files = ['a%20b.zip', 'c.zip'].map((key) => ({
      path: `s3://landing-zone/${key}`,
      type: 'vector',
      format: 'GPKG',
    }));
    const document = await rejectedBy('manifests/two missing.json', { ...vectorManifest('two missing', FILE), files });
    expect(document?.error).toEqual({
      code: 'FILE_MISSING',
      message:
        's3://landing-zone/a%20b.zip (files[0].path), s3://landing-zone/c.zip (files[1].path) are not in the landing zone. A path is not percent-encoded: write a space as a space, not as %20, and omit a query after "?".',
      details: {
        files: [
          { field: 'files[0].path', path: 's3://landing-zone/a%20b.zip' },
          { field: 'files[1].path', path: 's3://landing-zone/c.zip' },
        ],
      },
    });
  });

  test('with a file that is too large is rejected with the limit', async () => {
    await context.objects.put('landing-zone', 'large/x.zip', 'x'.repeat(1001));
    const document = await rejectedBy('manifests/large file.json', vectorManifest('large file', 'large/x.zip'), []);
    expect(document?.error).toMatchObject({
      code: 'FILE_TOO_LARGE',
      details: { size_bytes: 1001, limit_bytes: 1000, variable: 'MAX_FILE_BYTES' },
    });
  });

  test('can be corrected with the same batch_id', async () => {
    const key = 'manifests/corrected.json';
    await rejectedBy(key, vectorManifest('corrected', FILE, { intent: 'NO' }));
    expect((await upload(key, vectorManifest('corrected', FILE))).reply).toMatchObject({
      type: 'sluice.run.requested.vector',
    });
  });

  test('is recorded once for a repeated notification, and again for another upload', async () => {
    const key = 'manifests/twice.json';
    const { event, reply } = await upload(key, '{');
    expect(await handler(event, context)).toMatchObject({ id: reply?.id });
    await upload(key, '{');
    expect(await context.ledger.findManifestsByKey(key)).toHaveLength(2);
  });
});

test('rejects a manifest of a lane that no function serves', async () => {
  const object = { bytes: Buffer.from(JSON.stringify(vectorManifest('unserved', FILE))), tooLarge: false, sha256: '' };
  expect(
    await checkManifest({ key: 'manifests/b.json', object }, { ...context, servedLanes: new Set<Lane>(['raster']) }),
  ).toMatchObject({
    accepted: false,
    error: { code: 'LANE_NOT_AVAILABLE', details: { lane: 'vector' } },
  });
});

test('records a manifest of a disabled lane as canceled without checking its files', async () => {
  const key = 'manifests/off.json';
  await putManifest(context, key, vectorManifest('off', 'nowhere.zip'));
  const off = { ...context, env: { ...context.env, MANIFEST_ROUTER_ENABLED_LANES: 'tabular,join' } };
  expect(await handler(uploadEvent(key), off)).toMatchObject({
    type: 'sluice.manifest.rejected',
    data: { error: null },
  });
  expect(await context.ledger.findManifestsByKey(key)).toMatchObject([
    { status: 'canceled', run_id: null, lane: 'vector', error: null, claimed_batch_id: 'off' },
  ]);
  expect(await context.ledger.listActivity({ batch_id: 'off' })).toMatchObject([{ activity: 'lane_disabled' }]);
});

test.each([
  ['data.json', 'landing-zone'],
  ['manifests/readme.txt', 'landing-zone'],
  ['archive/manifests/b.json', 'landing-zone'],
  ['manifests/b.json', 'data-lake'],
])('ignores %s in %s, which is not a manifest', async (key, bucket) => {
  expect(await handler(uploadEvent(key, undefined, bucket), context)).toBeUndefined();
  expect(await context.ledger.findManifestsByKey(key)).toEqual([]);
});

test('records a manifest that was deleted before it was read', async () => {
  const key = 'manifests/gone.json';
  expect(await handler(uploadEvent(key), context)).toBeUndefined();
  expect(await context.ledger.findManifestsByKey(key)).toMatchObject([
    { status: 'failure', error: { code: 'MANIFEST_GONE' } },
  ]);
});

test('rejects an event that is not a notification', async () => {
  const event = uploadEvent('manifests/b.json');
  await expect(handler({ ...event, type: 'sluice.run.succeeded' }, context)).rejects.toMatchObject({
    code: 'EVENT_INVALID',
  });
  await expect(handler({ ...event, data: { s3: {} } }, context)).rejects.toMatchObject({ code: 'EVENT_INVALID' });
});
