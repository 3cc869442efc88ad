import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Context } from '#shared/runtime/context.ts';
import { openFunctionContext, putManifest, uploadEvent, vectorManifest } from '../../tests/function-context.ts';
import { handler } from './handler.ts';

let context: Context & AsyncDisposable;
beforeAll(async () => {
  context = await openFunctionContext();
});
afterAll(() => context[Symbol.asyncDispose]());

const FILE = 'straßen #1/roads + paths é 🗺.zip';

/** Uploads files and manifest, and returns the request for the run. */
async function admitted(key: string, manifest: unknown, files: string[]) {
  await putManifest(context, key, manifest, files);
  return { reply: await handler(uploadEvent(key), context) };
}

test('the size of the input is the total of the files, and is carried by the events of the run', async () => {
  const files = [FILE, 'second é.zip'];
  const manifest = vectorManifest('sized', FILE);
  const { reply } = await admitted(
    'manifests/sized.json',
    {
      ...manifest,
      files: files.map((file) => ({ path: `s3://landing-zone/${file}`, type: 'vector', format: 'ESRI Shapefile' })),
    },
    files,
  );
  expect(reply?.inputbytes).toBe(String(2 * 'data'.length)); // putManifest writes `data` into each file.
  expect(await context.ledger.getRun(reply?.subject ?? '')).toMatchObject({ input_bytes: 8 });
});

test('the size of the input is unknown for a join of missing assets', async () => {
  const joinConfig = {
    spatial_asset_id: 'dataset:none',
    tabular_asset_id: 'dataset:none',
    left_key: 'a',
    right_key: 'b',
  };
  const { reply } = await admitted(
    'manifests/sized join.json',
    {
      batch_id: 'sized join',
      uploader: 'zoë',
      intent: 'join_datasets',
      files: [],
      metadata: { join_config: joinConfig },
    },
    [],
  );
  expect(reply?.type).toBe('sluice.run.requested.join');
  expect(reply).not.toHaveProperty('inputbytes');
});
