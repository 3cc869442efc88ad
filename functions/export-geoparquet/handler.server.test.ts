import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EventData, makeEvent, type SluiceEvent } from '#shared/events/event.ts';
import type { AssetDocument } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';
import { scratchRoot } from '#shared/runtime/scratch.ts';
import { assetKey } from '#shared/contracts/object-keys.ts';
import { openFunctionContext } from '../../tests/function-context.ts';
import { readGeoParquet } from '../../tests/geoparquet.ts';
import { claimStep, loadedRun, type LoadedTable } from '../../tests/loaded-run.ts';
import { handler as recordLineage } from '../record-lineage/handler.ts';
import { handler } from './handler.ts';
import { assetIdOf } from './asset-draft.ts';

let context: Context & AsyncDisposable;
beforeAll(async () => {
  context = await openFunctionContext();
});
afterAll(() => context[Symbol.asyncDispose]());

const POINTS = `create unlogged table processed as select n::bigint as sluice_fid, 'Nº ' || n as "größe", ST_SetSRID(ST_MakePoint(n, 50), 4326) as geom from generate_series(1, 100) as n`;

/** A run before the export, with `processed`. */
async function readyRun(table: Partial<LoadedTable> & { crs?: string } = {}) {
  const { run } = await loadedRun(context, { srid: 4326, sql: POINTS, rowCount: 100, ...table });
  const ready = makeEvent('sluice.table.ready', run.run_id, {
    run_id: run.run_id,
    recipe: 'default',
    parameters: { target_crs: 'EPSG:4326', simplify_tolerance: 0.00001 },
    steps: [{ step: 'NormalizeCRS', output: 'processed', seconds: 1, row_count: 100 }],
    crs: table.crs ?? 'EPSG:4326',
    quality: { null_geometries: 0, empty_geometries: 0, repaired_geometries: 3 },
    notes: [{ code: 'FEATURES_DROPPED', message: 'One.' }],
  });
  await context.ledger.finishStep(await claimStep(context.ledger, run.run_id, 'transform-recipe'), ready);
  return { run, ready };
}

const data = (event: SluiceEvent | undefined) => event?.data as EventData<'sluice.asset.exported'>;

async function assetOf(event: SluiceEvent | undefined): Promise<AssetDocument> {
  const asset = await context.ledger.getAsset(data(event).asset_ids[0] ?? '');
  assert(asset !== undefined, 'The asset is not registered.');
  return asset;
}

/** Closes the run with record-lineage, so that other runs can reuse the asset. */
async function finish(exported: SluiceEvent | undefined): Promise<SluiceEvent | undefined> {
  if (exported !== undefined) await recordLineage(exported, context);
  return exported;
}

async function keys(): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of context.objects.list('data-lake', '')) found.push(key);
  return found;
}

test('uploads the file and registers the asset', async () => {
  const { run, ready } = await readyRun({ datasetId: 'Straßen-é' });
  const exported = await handler(ready, context);
  expect(exported).toMatchObject({
    type: 'sluice.asset.exported',
    data: { asset_ids: [assetIdOf(run.run_id)], reused: false },
  });
  const asset = await assetOf(exported);
  expect(asset).toMatchObject({
    dataset_id: 'Straßen-é',
    version: 1,
    kind: 'spatial',
    run_id: run._id,
    crs: 'EPSG:4326',
    bbox: [1, 50, 100, 50],
    native_bbox: [1, 50, 100, 50],
    geometry_types: ['Point'],
    row_count: 100,
    columns: [
      { name: 'größe', type: 'text' },
      { name: 'geom', type: 'geometry' },
    ],
    recipe: { name: 'default', steps: ['NormalizeCRS'] },
    quality: { repaired_geometries: 3, notes: [{ code: 'CRS_ASSUMED' }, { code: 'FEATURES_DROPPED' }] },
    software: { PostGIS: expect.stringMatching(/^\d/) as string, DuckDB: expect.stringMatching(/^v?\d/) as string },
  });
  const head = await context.objects.head('data-lake', asset.s3_key);
  expect(head).toMatchObject({
    size: asset.size_bytes,
    contentType: 'application/vnd.apache.parquet',
    metadata: { mongodb_doc_id: asset._id, run_id: run._id, content_hash: asset.content_hash },
  });
  const path = join(scratchRoot(context.env), 'downloaded.parquet');
  await context.objects.download('data-lake', asset.s3_key, path, { maxBytes: 1e9, signal: context.signal });
  expect((await readGeoParquet(path)).rows.length).toBe(100);
  expect(readdirSync(scratchRoot(context.env))).toEqual(['downloaded.parquet']);
  // A repeated event returns the recorded reply and writes nothing.
  expect(await handler(ready, context)).toEqual(exported);
  expect((await keys()).filter((key) => key.startsWith('Straßen-é/'))).toEqual([asset.s3_key]);
});

test('reuses the asset of the same input, unless force is set', async () => {
  const first = await readyRun({ datasetId: 'same' });
  const asset = await assetOf(await finish(await handler(first.ready, context)));
  const second = await readyRun({ datasetId: 'same' });
  expect(data(await handler(second.ready, context))).toMatchObject({ asset_ids: [asset._id], reused: true });
  expect((await context.ledger.getRun(second.run.run_id))?.asset_ids).toEqual([asset._id]);
  const other = await readyRun({ datasetId: 'same', sha256: 'c'.repeat(64) });
  expect(await assetOf(await handler(other.ready, context))).toMatchObject({ version: 2 });
  const forced = await readyRun({ datasetId: 'same', metadata: { force: true } });
  const again = await assetOf(await handler(forced.ready, context));
  expect(again).toMatchObject({ version: 3, content_hash: asset.content_hash });
});

test('exports again when the object of the asset is missing', async () => {
  const first = await readyRun({ datasetId: 'gone' });
  const asset = await assetOf(await finish(await handler(first.ready, context)));
  await context.objects.delete('data-lake', asset.s3_key);
  const second = await readyRun({ datasetId: 'gone' });
  expect(data(await handler(second.ready, context)).reused).toBe(false);
});

test('deletes the object of a worker that ended after the upload', async () => {
  const { run, ready } = await readyRun({ datasetId: 'died' });
  const dead = await claimStep(context.ledger, run.run_id, 'export-geoparquet', 0);
  await context.objects.put('data-lake', assetKey(run, dead.token, '.parquet'), 'half a file');
  const asset = await assetOf(await handler(ready, context));
  expect((await keys()).filter((key) => key.startsWith('died/'))).toEqual([asset.s3_key]);
  expect(asset.s3_key).not.toBe(assetKey(run, dead.token, '.parquet'));
});

test('returns the asset of a worker that ended after it registered the asset', async () => {
  const { run, ready } = await readyRun({ datasetId: 'registered' });
  const asset = await assetOf(await handler(ready, context));
  const { run: other, ready: again } = await readyRun({ datasetId: 'registered', sha256: 'd'.repeat(64) });
  const dead = await claimStep(context.ledger, other.run_id, 'export-geoparquet', 0);
  const {
    version: _,
    created_at: __,
    ...draft
  } = {
    ...asset,
    _id: assetIdOf(other.run_id),
    run_id: other._id,
    s3_key: assetKey(other, dead.token, '.parquet'),
    source_hash: 'e'.repeat(64),
  };
  // The lease has expired, but there is no newer claim, so the write of the dead worker is accepted.
  await context.objects.put('data-lake', draft.s3_key, 'whole file');
  await context.ledger.registerAsset(dead, draft);
  expect(await assetOf(await handler(again, context))).toMatchObject({ s3_key: draft.s3_key, version: 2 });
  expect((await keys()).filter((key) => key.includes(other.run_id))).toEqual([draft.s3_key]);
  expect(run.run_id).not.toBe(other.run_id);
});

test('stores the bounding box in degrees for an asset in another CRS', async () => {
  const sql = `create unlogged table processed as select n::bigint as sluice_fid, ST_SetSRID(ST_MakePoint(400000 + n * 1000, 5800000, 7), 25833) as geom from generate_series(0, 10) as n`;
  const { ready } = await readyRun({ datasetId: 'utm', sql, srid: 25833, crs: 'EPSG:25833' });
  const asset = await assetOf(await handler(ready, context));
  expect(asset).toMatchObject({
    crs: 'EPSG:25833',
    geometry_types: ['Point Z'],
    native_bbox: [400000, 5800000, 410000, 5800000],
  });
  expect(asset.bbox?.map((degrees) => Math.round(degrees * 10) / 10)).toEqual([13.5, 52.3, 13.7, 52.3]);
});

test('removes scratch files of an earlier attempt', async () => {
  const { run, ready } = await readyRun({ datasetId: 'scratch' });
  const dead = await claimStep(context.ledger, run.run_id, 'export-geoparquet', 0);
  const folder = join(scratchRoot(context.env), `${run.run_id}.export-geoparquet.${dead.token}`);
  await mkdir(folder);
  await writeFile(join(folder, 'asset.parquet'), 'half');
  await handler(ready, context);
  expect(readdirSync(scratchRoot(context.env)).filter((name) => name.startsWith(run.run_id))).toEqual([]);
});
