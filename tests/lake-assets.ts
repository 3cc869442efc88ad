import { manifestKeyOf } from '#shared/contracts/object-keys.ts';
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quotedString } from '@duckdb/node-api';
import { openLockedDatabase } from '#shared/databases/locked-duckdb.ts';
import { type EventData, makeEvent, type SluiceEvent } from '#shared/events/event.ts';
import type { AssetDocument, RunDocument } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { Column } from '#shared/contracts/shared-schemas.ts';
import { assetDraft } from './fixtures/documents.ts';
import { putManifest, uploadEvent } from './function-context.ts';
import { claimStep, loadedRun } from './loaded-run.ts';
import { handler as exportGeoparquet } from '../functions/export-geoparquet/handler.ts';
import { handler as validateManifest } from '../functions/validate-manifest/handler.ts';

/** Assets in the lake and in the ledger, for tests of the join. */

/** Exports a complete spatial asset. `select` returns sluice_fid, attributes and geom. */
export async function spatialAsset(
  context: Context,
  datasetId: string,
  select: string,
  options: { rows: number; crs?: string },
): Promise<AssetDocument> {
  const { run } = await loadedRun(context, {
    datasetId,
    srid: 4326,
    sql: `create unlogged table processed as ${select}`,
    rowCount: options.rows,
    sha256: createHash('sha256').update(select).digest('hex'),
  });
  const ready = makeEvent('sluice.table.ready', run.run_id, {
    run_id: run.run_id,
    recipe: 'default',
    parameters: {},
    steps: [],
    crs: options.crs ?? 'EPSG:4326',
    quality: { null_geometries: 0, empty_geometries: 0, repaired_geometries: 0 },
  });
  await context.ledger.finishStep(await claimStep(context.ledger, run.run_id, 'transform-recipe'), ready);
  const exported = await exportGeoparquet(ready, context);
  await context.postgis.dropSchema(run.run_id);
  return completeAsset(context, run, (exported?.data as EventData<'sluice.asset.exported'>).asset_ids[0] ?? '');
}

/** Exports the rows of `select`, in DuckDB's SQL, as a complete tabular asset. `columns` are stored in the ledger. */
export async function tabularAsset(
  context: Context,
  datasetId: string,
  select: string,
  columns: Column[],
): Promise<AssetDocument> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-table-'));
  const path = join(folder, 'table.parquet');
  using database = await openLockedDatabase(folder, { threads: 1, preserveOrder: true });
  await database.query(`copy (${select}) to ${quotedString(path)} (format parquet)`, context.signal);
  const [counted] = await database.query<{ rows: number }>(
    `select count(*)::integer as rows from read_parquet(${quotedString(path)})`,
    context.signal,
  );
  const bytes = await readFile(path);
  await rm(folder, { recursive: true });
  const { run } = await loadedRun(context, { datasetId, srid: 4326, sql: 'select 1', rowCount: 0 });
  const content_hash = createHash('sha256').update(bytes).digest('hex');
  const s3_key = `${datasetId}/${run.run_id}/1/${datasetId}.parquet`;
  await context.objects.put('data-lake', s3_key, bytes);
  await context.ledger.finishStep(await claimStep(context.ledger, run.run_id, 'transform-recipe'), null);
  const claim = await claimStep(context.ledger, run.run_id, 'export-geoparquet');
  const draft = assetDraft(run, {
    kind: 'tabular',
    s3_key,
    content_hash,
    source_hash: content_hash,
    crs: null,
    bbox: null,
    geometry_types: [],
    row_count: counted?.rows ?? null,
    columns,
    size_bytes: bytes.length,
    recipe: { name: 'table', parameters: {}, steps: [] },
  });
  const asset = await context.ledger.registerAsset(claim, draft);
  await context.ledger.finishStep(claim, null);
  await context.postgis.dropSchema(run.run_id);
  return completeAsset(context, run, asset._id);
}

/** Completes an asset, as record-lineage does. */
export async function completeAsset(
  { ledger }: Context,
  run: Pick<RunDocument, 'run_id'>,
  assetId: string,
): Promise<AssetDocument> {
  const claim = await claimStep(ledger, run.run_id, 'record-lineage');
  await ledger.describeAsset(claim, assetId, { iso: {}, item_key: `${assetId}.json` });
  await ledger.finishStep(claim, null, 'success');
  const asset = await ledger.getAsset(assetId);
  assert(asset !== undefined, `There is no asset ${assetId}.`);
  return asset;
}

/** Admits a manifest of a join, and returns its run and the event that starts it. */
export async function requestJoin(
  context: Context,
  join_config: object,
  datasetId = 'joined é',
): Promise<{ run: RunDocument; requested: SluiceEvent }> {
  const batchId = `join #${randomUUID()}`;
  const key = manifestKeyOf(batchId);
  await putManifest(context, key, {
    batch_id: batchId,
    uploader: 'zoë',
    intent: 'join_datasets',
    files: [],
    metadata: { tags: { dataset_id: datasetId.replaceAll(' ', '_') }, join_config },
  });
  const requested = await validateManifest(uploadEvent(key), context);
  const run = await context.ledger.getRun(requested?.subject ?? '');
  assert(requested !== undefined && run !== undefined, 'The join was not admitted.');
  return { run, requested };
}
