import assert from 'node:assert/strict';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { itemKey } from '#shared/contracts/object-keys.ts';
import { deterministicObjectId } from '#shared/events/event.ts';
import { runCanceled } from '#shared/events/run-events.ts';
import type { AssetDocument, AssetDraft } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';
import { openFunctionContext } from '../../tests/function-context.ts';
import { exportAsset, startRun } from '../../tests/function-runs.ts';
import { inconsistencies } from '../../tests/lake-consistency.ts';
import { handler as archive } from '../../functions/archive/handler.ts';
import { handler as recordLineage } from '../../functions/record-lineage/handler.ts';
import { deleteRemovedAssets } from './remove-assets.ts';

let context: Context & AsyncDisposable;
beforeAll(async () => {
  context = await openFunctionContext();
});
afterAll(() => context[Symbol.asyncDispose]());

/** Executes a run of the dataset up to its archive step, and returns its asset. */
async function versionOf(
  datasetId: string,
  batchId: string,
  metadata: object = {},
  fields: Partial<AssetDraft> = {},
): Promise<AssetDocument> {
  const { run } = await startRun(context, batchId, { metadata: { ...metadata, tags: { dataset_id: datasetId } } });
  const succeeded = await recordLineage(
    await exportAsset(context, run, { source_hash: deterministicObjectId(batchId), ...fields }),
    context,
  );
  if (succeeded !== undefined) await archive(succeeded, context);
  const [asset] = await context.ledger.listAssets({ run_id: run.run_id });
  assert(asset !== undefined, `${batchId} has no asset.`);
  return asset;
}

/**
 * A context whose ledger and object store fail at the n-th durable write and at all later ones, like a process that
 * crashed.
 */
function failingAt(n: number): Context & { writes: () => number } {
  const WRITES = new Set(['put', 'delete', 'appendActivity', 'markPurged']);
  let writes = 0;
  const failing = <T extends object>(part: T): T =>
    new Proxy(part, {
      get: (target, name) => {
        const value = Reflect.get(target, name) as unknown;
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) =>
          WRITES.has(String(name)) && (writes += 1) >= n
            ? Promise.reject(new Error('killed'))
            : (value as (...all: unknown[]) => unknown).apply(target, args);
      },
    });
  return { ...context, ledger: failing(context.ledger), objects: failing(context.objects), writes: () => writes };
}

test('after a crash at any write, the next call completes the removal, and every link stays valid', async () => {
  let survived = false;
  for (let n = 1; !survived; n += 1) {
    const dataset = `wälder-${n}`;
    for (const version of [1, 2, 3]) await versionOf(dataset, `wald ${n} #${version}`);
    await context.ledger.setRetention(dataset, { keep_versions: 1, decided_at: new Date().toISOString() });
    expect(await context.ledger.removeOldVersions(dataset)).toHaveLength(2);
    survived = await deleteRemovedAssets(failingAt(n), dataset).then(
      () => true,
      () => false,
    );
    expect(survived || n < 20).toBe(true);
    const broken = (await inconsistencies(context)).filter(
      (problem) => problem.includes('is broken') || problem.includes('does not exist'),
    );
    expect(broken, `after write ${n}`).toEqual([]);
    await deleteRemovedAssets(context, dataset);
    expect(await context.ledger.listRemovals({ dataset_id: dataset }), `after write ${n}`).toEqual([]);
  }
  expect(await inconsistencies(context)).toEqual([]);
  expect(
    (await context.ledger.listActivity({ limit: 500 })).filter(
      ({ activity, details }) => activity === 'asset_removed' && details.dataset_id === 'wälder-1',
    ),
  ).toHaveLength(2);
});

test('the next run of the dataset completes a removal that a crash interrupted', async () => {
  await versionOf('heide', 'heide 1');
  const second = await versionOf('heide', 'heide 2');
  await context.ledger.setRetention('heide', { keep_versions: 1, decided_at: new Date().toISOString() });
  await context.ledger.removeOldVersions('heide');
  await expect(deleteRemovedAssets(failingAt(2), 'heide')).rejects.toThrow('killed');
  await versionOf('heide', 'heide 3');
  expect((await context.ledger.listAssets({ dataset_id: 'heide' })).map(({ version }) => version)).toEqual([3]);
  expect(await context.objects.head('data-lake', second.s3_key)).toBeUndefined();
  expect(await inconsistencies(context)).toEqual([]);
});

test('an asset with derived assets can be removed: their items lose the link, their lineage keeps it', async () => {
  const parent = await versionOf('quelle', 'quelle 1');
  const child = await versionOf('verbund', 'verbund 1', {}, { parents: [parent._id] });
  const link = async () =>
    (await context.objects.readBytes('data-lake', itemKey('verbund', 1), { maxBytes: 1e6 }))
      .toString()
      .includes('derived_from');
  expect(await link()).toBe(true);
  await versionOf('quelle', 'quelle 2', { keep_versions: 1 });
  expect(await link()).toBe(false);
  expect((await context.ledger.listLineage(child._id)).map(({ source }) => source)).toContainEqual({
    kind: 'asset',
    asset_id: parent._id,
  });
  expect(await context.ledger.getRemovedAsset(parent._id)).toMatchObject({
    version: 1,
    removed: { reason: 'retention' },
    purged_at: expect.any(String),
  });
  expect(await inconsistencies(context)).toEqual([]);
});

describe('a canceled run', () => {
  test('has no asset that it registered but did not complete', async () => {
    const { run } = await startRun(context, 'zurück', { metadata: { tags: { dataset_id: 'zurück' } } });
    await exportAsset(context, run);
    const [asset] = await context.ledger.listAssets({ dataset_id: 'zurück' });
    expect(await context.objects.head('data-lake', asset?.s3_key ?? '')).toBeDefined();
    const { run: ended } = await context.ledger.endRun(run.run_id, 'canceled', null);
    await archive(runCanceled(ended, 'zoë'), context);
    expect(await context.ledger.listAssets({ dataset_id: 'zurück' })).toEqual([]);
    expect(await context.objects.head('data-lake', asset?.s3_key ?? '')).toBeUndefined();
    expect((await context.ledger.listActivity({ limit: 5 })).map(({ message }) => message)).toContain(
      'Version 1 of zurück was removed: its run ended before the asset was complete.',
    );
    expect(await inconsistencies(context)).toEqual([]);
    // The next version is the first one in the catalog, although its number is 2.
    expect((await versionOf('zurück', 'zurück 2')).version).toBe(2);
    expect((await inconsistencies(context)).filter((problem) => !problem.startsWith('zurück: versions are 2'))).toEqual(
      [],
    );
  });
});
