import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { assetKeyOf, isCatalogKey } from '#shared/catalog/stac-layout.ts';
import type { AssetDocument } from '#shared/ledger/documents.ts';
import { openContext } from '#shared/runtime/make-context.ts';
import { startSluice } from '../../gateway/start.ts';
import { createDatabase, startObjectStore, testEnv } from '../servers.ts';
import type { WritePoint } from './durable-writes.ts';

/**
 * The process is killed (-9) around every durable write of a run: SQL, objects, programs. Then Sluice starts again,
 * and each time there must be one run, one asset with the same bytes, and nothing left behind.
 */

const SAMPLE = resolve(import.meta.dirname, '../data/sample/countries.zip');
const PATIENCE_MS = 60_000;

const [control, spatial, store] = await Promise.all([createDatabase(), createDatabase({ postgis: true }), startObjectStore()]);
const home = mkdtempSync(join(tmpdir(), 'sluice-faults-'));
const variables = { SLUICE_HOME: home, SCRATCH_DIR: join(home, 'scratch'), PORT: '0', CONTROL_DATABASE_URL: control.url, POSTGIS_URL: spatial.url, S3_ENDPOINT: store.endpoint };
/** What an undisturbed run makes, and its writes. */
const { asset: undisturbed, points } = await recordUndisturbed();

afterAll(async () => {
  await store.stop();
  await Promise.all([control.drop(), spatial.drop()]);
});

test('writes of every kind are watched', () => {
  const names = points.map(({ name }) => name.toLowerCase()).join('\n');
  for (const part of ['pgboss', 'with manifest as', 'update ledger.runs', 'create schema', 'program ogr2ogr', 's3 putobjectcommand data-lake', 's3 deleteobjectcommand landing-zone', 'drop schema']) {
    expect(names).toContain(part);
  }
});

/**
 * Dead before a write and dead after the one that precedes it is the same: nothing of the process is left but what is durable. So each
 * point has a kill before it, and a kill after it only where more follows than the next point: the store or a program works on alone.
 */
const kills = (['before', 'after'] as const)
  .flatMap((when) => points.map((point, index) => ({ when, index, point, name: `${point.name} (${point.occurrence})` })))
  .filter(({ when, index, name }) => when === 'before' || index === points.length - 1 || (/^(s3|program)/.test(name) && !name.includes('under way')));

test.each(kills)('a kill $when $name loses nothing and leaves nothing', async ({ when, index, point }) => {
  const batch = `${when}-${index}`;
  const victim = await startVictim({ VICTIM_POINT: JSON.stringify(point), VICTIM_WHEN: when });
  const dead = once(victim, 'close');
  await upload(batch);
  victim.stdin?.write('go\n');
  // Where a write does not come this time (a retry that was not needed), the run finishes, and the process is killed then.
  await Promise.race([dead, finished(batch).catch(() => undefined)]);
  victim.kill('SIGKILL');
  await dead;

  const sluice = await startSluice(testEnv(variables));
  try {
    const asset = await finished(batch);
    expect({ hash: asset.content_hash, rows: asset.row_count }).toEqual({ hash: undisturbed.content_hash, rows: undisturbed.row_count });
    await nothingLeft();
  } finally {
    await sluice.stop();
  }
}, 2 * PATIENCE_MS);

async function recordUndisturbed(): Promise<{ asset: AssetDocument; points: WritePoint[] }> {
  const record = join(home, 'writes.jsonl');
  const victim = await startVictim({ VICTIM_RECORD: record });
  await upload('undisturbed');
  victim.stdin?.write('go\n');
  const asset = await finished('undisturbed');
  await nothingLeft();
  victim.kill('SIGTERM');
  await once(victim, 'close');
  return { asset, points: readFileSync(record, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as WritePoint) };
}

async function startVictim(extra: Record<string, string>): Promise<ChildProcess> {
  const child = spawn('node', [join(import.meta.dirname, 'victim.ts')], { env: { ...process.env, LOG_LEVEL: 'silent', ...variables, ...extra }, stdio: ['pipe', 'pipe', 'inherit'] });
  const ready = child.stdout ? once(child.stdout, 'data') : Promise.resolve();
  await Promise.race([ready, once(child, 'close').then(() => { throw new Error('The victim ended before it was ready.'); })]);
  return child;
}

async function upload(batch: string): Promise<void> {
  await using context = await openContext(testEnv(variables));
  const file = `${batch}/länder #1.zip`;
  await context.objects.put('landing-zone', file, readFileSync(SAMPLE));
  await context.objects.put('landing-zone', `manifests/${batch}.json`, JSON.stringify({
    batch_id: batch, uploader: 'ana', intent: 'ingest_vector',
    files: [{ path: `s3://landing-zone/${file}`, type: 'vector', format: 'ESRI Shapefile' }],
    metadata: { tags: { dataset_id: `d-${batch}` } },
  }));
}

/** Waits until the batch's run is over to the last step, and returns its only asset. */
async function finished(batch: string): Promise<AssetDocument> {
  await using context = await openContext(testEnv(variables));
  const { ledger } = context;
  await vi.waitUntil(async () => (await ledger.listRuns({ batch_id: batch }).catch(() => []))[0]?.steps.every(({ status }) => status === 'done'), { timeout: PATIENCE_MS, interval: 50 });
  const runs = await ledger.listRuns({ batch_id: batch });
  expect(runs.map(({ status }) => status)).toEqual(['success']);
  const assets = await ledger.listAssets({ dataset_id: `d-${batch}` });
  expect(assets.map(({ version }) => version)).toEqual([1]);
  expect(runs[0]?.asset_ids).toEqual([assets[0]?._id]);
  const manifest = await ledger.findManifestByBatch(batch);
  expect(manifest).toMatchObject({ status: 'success', archive_key: `archive/manifests/${batch}.json` });
  return assets[0] as AssetDocument;
}

/** No schema, no scratch file, no manifest that waits, no object in the lake that no asset names. */
async function nothingLeft(): Promise<void> {
  await using context = await openContext(testEnv(variables));
  const { ledger, objects, postgis } = context;
  await vi.waitFor(async () => {
    expect(await postgis.listRunSchemas()).toEqual([]);
    const scratch = variables.SCRATCH_DIR;
    expect(existsSync(scratch) ? readdirSync(scratch) : []).toEqual([]);
    expect(await keys(objects.list('landing-zone', 'manifests/'))).toEqual([]);
    const unregistered = [];
    for (const key of await keys(objects.list('data-lake', ''))) if (!isCatalogKey(key) && (await ledger.findAssetByKey(assetKeyOf(key))) === undefined) unregistered.push(key);
    expect(unregistered).toEqual([]);
  }, { timeout: PATIENCE_MS, interval: 100 });
}

async function keys(listed: AsyncIterable<{ key: string }>): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of listed) found.push(key);
  return found;
}
