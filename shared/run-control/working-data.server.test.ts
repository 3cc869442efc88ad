import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openPostgresLedger } from '#shared/ledger/postgres/postgres-ledger.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import { openPostgis } from '#shared/postgis/postgis-servers.ts';
import { scratchName, scratchRoot } from '#shared/runtime/scratch.ts';
import { openObjectStore } from '#shared/storage/s3.ts';
import { admitBatch, assetDraft } from '../../tests/fixtures/documents.ts';
import { createDatabase, startObjectStore, testEnv } from '../../tests/servers.ts';
import { deleteWorkingData, deleteLateUploads } from './working-data.ts';

const UNKNOWN_RUN = '0d4a1f6e-2f64-8c11-9a3e-0123456789ab';
const never = new AbortController().signal;
let scene: Awaited<ReturnType<typeof open>>;

async function open() {
  const [database, store] = await Promise.all([createDatabase({ postgis: true }), startObjectStore()]);
  const env = testEnv({ S3_ENDPOINT: store.endpoint });
  const [ledger, objects, postgis] = [
    await openPostgresLedger(database.url),
    openObjectStore(env),
    openPostgis(database.url),
  ];
  const [ended, running] = [
    await admitBatch(ledger, { batchId: 'ended' }),
    await admitBatch(ledger, { batchId: 'läuft #1' }),
  ];
  return {
    parts: { env, ledger, objects, postgis, log: SILENT_LOG },
    url: database.url,
    ended,
    running,
    close: async () => {
      objects.close();
      await Promise.all([ledger.close(), postgis.close()]);
      await Promise.all([store.stop(), database.drop()]);
    },
  };
}

beforeEach(async () => {
  scene = await open();
});
afterEach(() => scene.close());

/** Creates the schema and the scratch folder that a killed worker of the run leaves. */
async function createWorkingData(runId: string): Promise<string> {
  const claim = { runId, step: 'load-to-postgis' as const, token: 1 };
  await (await scene.parts.postgis.openSession(claim, never)).close();
  const folder = join(scratchRoot(scene.parts.env), scratchName(claim));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'größe.shp'), '');
  return folder;
}

test.each([
  ['of ended and unknown runs, if no other installation uses PostGIS', true, { schemas: 2, scratch_folders: 1 }],
  ['of ended runs only, if other installations may use PostGIS', false, { schemas: 1, scratch_folders: 1 }],
])('deletes schemas and scratch folders %s', async (_, ownPostgis, expected) => {
  const { parts, ended, running } = scene;
  const request = { step: 'load-to-postgis', owner: 'elsewhere/boot/1/1/1', leaseSeconds: 60 } as const;
  expect(await parts.ledger.claimStep({ ...request, runId: running.run_id })).toMatchObject({ token: 1 });
  const folders = [await createWorkingData(ended.run_id), await createWorkingData(running.run_id)];
  await createWorkingData(UNKNOWN_RUN);
  await parts.ledger.endRun(ended.run_id, 'failure', null);
  expect(await deleteWorkingData(parts, { ownPostgis })).toEqual(expected);
  expect(await parts.postgis.listRunSchemas()).toContain(`proc_${running.run_id.replaceAll('-', '_')}`);
  expect(folders.map((folder) => existsSync(folder))).toEqual([false, true]);
  expect(await deleteWorkingData(parts, { ownPostgis })).toEqual({ schemas: 0, scratch_folders: 0 });
});

test('with several servers, deletes the schemas on each; one that is unreachable delays no other', async () => {
  const { ended } = scene;
  const other = await createDatabase({ postgis: true });
  const postgis = openPostgis(['postgresql://127.0.0.1:1/away', scene.url, other.url].join(' '));
  const warn = vi.fn();
  const parts = { ...scene.parts, postgis, log: { ...SILENT_LOG, warn } as unknown as typeof SILENT_LOG };
  const responding = postgis.servers.slice(1);
  try {
    const claim = { runId: ended.run_id, step: 'load-to-postgis' as const, token: 1 };
    for (const server of responding) await (await server.openSession(claim, never)).close();
    await parts.ledger.endRun(ended.run_id, 'failure', null);
    expect(await deleteWorkingData(parts, { ownPostgis: false })).toMatchObject({ schemas: 2 });
    for (const server of responding) expect(await server.listRunSchemas()).toEqual([]);
    expect(warn.mock.calls).toContainEqual([
      { server: '127.0.0.1:1/away', error: expect.objectContaining({ code: 'DATABASE_UNAVAILABLE' }) as object },
      'Schema:Drop:Failed',
    ]);
  } finally {
    await postgis.close();
    await other.drop();
  }
});

test('deletes unregistered objects of ended runs, and no others', async () => {
  const { parts, ended, running } = scene;
  const { ledger, objects } = parts;
  const key = (run: typeof ended, name: string) => `${run.dataset_id}/${run.run_id}/${name}`;
  const claimed = await ledger.claimStep({
    runId: ended.run_id,
    step: 'load-to-postgis',
    owner: 'test',
    leaseSeconds: 60,
  });
  assert(claimed.outcome === 'claimed', claimed.outcome);
  await ledger.registerAsset(
    { runId: ended.run_id, step: 'load-to-postgis', token: claimed.token },
    assetDraft(ended, { s3_key: key(ended, 'asset.parquet') }),
  );
  for (const [run, name] of [
    [ended, 'asset.parquet'],
    [ended, '2/late #1.parquet'],
    [running, '1/under way.parquet'],
  ] as const)
    await objects.put('data-lake', key(run, name), 'x');
  await objects.put('data-lake', 'of others/file', 'x');
  await ledger.endRun(ended.run_id, 'canceled', null);

  await deleteLateUploads(parts, never);
  const left = [];
  for await (const object of objects.list('data-lake', '')) left.push(object.key);
  expect(left.sort()).toEqual(
    [key(ended, 'asset.parquet'), key(running, '1/under way.parquet'), 'of others/file'].sort(),
  );
});
