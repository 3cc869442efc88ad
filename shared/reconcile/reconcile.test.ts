import { expect, test } from 'vitest';
import type { ErrorCodeName } from '#shared/errors/codes.ts';
import type { Context } from '#shared/runtime/context.ts';
import { reconcile } from './reconcile.ts';

const RUN_ID = '0b4c9f4e-5f3f-8b2e-9d1c-2f0a1b2c3d4e';
const KEY = `größe/${RUN_ID}/1/größe.parquet`;
const MINUTE_MS = 60_000;

/** The keys that reconcile reports for a lake with one object, which no asset of the ledger registers. */
async function findings({ archive, removedAt }: { archive: object; removedAt?: number }): Promise<string[]> {
  const run = { run_id: RUN_ID, status: 'failure', steps: [{ name: 'archive', ...archive }] };
  const removed = { s3_key: KEY, version: 1, removed: { at: new Date(removedAt ?? 0).toISOString() } };
  const services = {
    env: { LAKE_BUCKET: 'data-lake', RETRY_LIMIT: 5 },
    objects: {
      list: async function* () {
        yield await Promise.resolve({ key: KEY, size: 7 });
      },
      head: () => Promise.resolve({ key: KEY, size: 7 }),
    },
    ledger: {
      listAssets: () => Promise.resolve([]),
      listDatasets: () => Promise.resolve([]),
      findAssetByKey: () => Promise.resolve(undefined),
      getRun: () => Promise.resolve(run),
      listRemovals: () => Promise.resolve(removedAt === undefined ? [] : [removed]),
    },
  } as unknown as Pick<Context, 'ledger' | 'objects' | 'env'>;
  const { findings: found, agrees } = await reconcile(services, { deep: false, signal: new AbortController().signal });
  expect(agrees).toBe(found.length === 0);
  return found.map(({ kind, key }) => `${kind} ${key}`);
}

const failed = (code: ErrorCodeName, attempt: number) => ({ status: 'failed', attempt, error: { code } });

test.each([
  ['is pending', { status: 'pending', attempt: 0, error: null }],
  ['is retried', failed('STORE_UNAVAILABLE', 5)],
])('omits an object of a run whose archive step %s', async (_state, archive) => {
  expect(await findings({ archive })).toEqual([]);
});

test.each([
  ['is done', { status: 'done', attempt: 1, error: null }],
  ['has failed in every attempt', failed('STORE_UNAVAILABLE', 6)],
  ['has failed with a permanent error', failed('STORE_DENIED', 1)],
])('reports an object of a run whose archive step %s', async (_state, archive) => {
  expect(await findings({ archive })).toEqual([`object_unregistered ${KEY}`]);
});

test('reports an object of a removed asset if it was not deleted within an hour', async () => {
  const archive = { status: 'done', attempt: 1, error: null };
  expect(await findings({ archive, removedAt: Date.now() - 10 * MINUTE_MS })).toEqual([]);
  expect(await findings({ archive, removedAt: Date.now() - 70 * MINUTE_MS })).toEqual([`object_unregistered ${KEY}`]);
});
