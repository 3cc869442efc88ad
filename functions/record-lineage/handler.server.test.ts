import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Context } from '#shared/runtime/context.ts';
import { openFunctionContext } from '../../tests/function-context.ts';
import { exportAsset, startRun } from '../../tests/function-runs.ts';
import { handler } from './handler.ts';

let context: Context & AsyncDisposable;
beforeAll(async () => {
  context = await openFunctionContext();
});
afterAll(() => context[Symbol.asyncDispose]());

test('ends run and manifest with success and writes the records; a repeat returns the same event', async () => {
  const { run } = await startRun(context, 'lineage é #1', {
    metadata: { project: 'ALPHA', description: 'Roads of Kent', tags: { dataset_id: 'straßen' } },
  });
  const exported = await exportAsset(context, run);
  const reply = await handler(exported, context);
  expect(reply).toMatchObject({ type: 'sluice.run.succeeded', subject: run.run_id, data: { run_id: run.run_id } });
  expect(await handler(exported, context)).toEqual(reply);

  const assetId = (exported.data as { asset_ids: string[] }).asset_ids[0] ?? '';
  expect(await context.ledger.getRun(run.run_id)).toMatchObject({
    status: 'success',
    error: null,
    finished_at: expect.any(String),
  });
  expect(await context.ledger.getManifest(run.manifest_id)).toMatchObject({ status: 'success' });
  expect(await context.ledger.listLineage(assetId)).toMatchObject([
    {
      source: { kind: 'file', path: 's3://landing-zone/lineage é #1/roads é.zip', sha256: 'c'.repeat(64) },
      operation: 'ingest_vector',
      recipe: 'default',
      parameters: { simplify_tolerance: 0.00001 },
      run_id: run.run_id,
    },
  ]);
  expect((await context.ledger.getAsset(assetId))?.iso).toMatchObject({
    fileIdentifier: assetId,
    identificationInfo: {
      citation: { title: 'straßen', edition: '1' },
      abstract: 'Roads of Kent',
      descriptiveKeywords: ['ALPHA', 'ingest_vector', 'MultiPolygon'],
    },
  });
  expect((await context.ledger.listActivity({ run_id: run.run_id })).map(({ activity }) => activity)).toEqual([
    'run_succeeded',
    'run_started',
  ]);
});

test('a repeat ends the manifest if the first delivery crashed after it ended the run', async () => {
  const { run } = await startRun(context, 'crashed');
  const exported = await exportAsset(context, run);
  const crashing = {
    ...context,
    ledger: new Proxy(context.ledger, {
      get: (ledger, name) =>
        name === 'endManifest'
          ? () => Promise.reject(new Error('killed'))
          : (Reflect.get(ledger, name) as () => unknown).bind(ledger),
    }),
  };
  await expect(handler(exported, crashing)).rejects.toThrow('killed');
  expect(await context.ledger.getManifest(run.manifest_id)).toMatchObject({ status: 'running' });
  expect(await handler(exported, context)).toMatchObject({ type: 'sluice.run.succeeded' });
  expect(await context.ledger.getManifest(run.manifest_id)).toMatchObject({ status: 'success' });
});

test('does not end a canceled run with success', async () => {
  const { run } = await startRun(context, 'canceled');
  const exported = await exportAsset(context, run);
  await context.ledger.endRun(run.run_id, 'canceled', null);
  expect(await handler(exported, context)).toBeUndefined();
  expect(await context.ledger.getRun(run.run_id)).toMatchObject({ status: 'canceled' });
});
