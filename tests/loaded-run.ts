import { manifestKeyOf } from '#shared/contracts/object-keys.ts';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { deterministicObjectId, makeEvent, type SluiceEvent } from '#shared/events/event.ts';
import type { EventData } from '#shared/events/types.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { newDataset, newRun } from '#shared/ledger/new-run.ts';
import { ManifestSchema } from '#shared/manifest/manifest.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { StepName } from '#shared/contracts/lanes.ts';

export interface LoadedRun {
  run: RunDocument;
  /** What load-to-postgis answered. */
  loaded: SluiceEvent<EventData<'sluice.table.loaded'>>;
}

export interface LoadedTable {
  datasetId?: string;
  intent?: string;
  srid: number;
  /** Statements that make raw_data in the run's schema. */
  sql: string;
  rowCount: number;
  /** Hash of the file; runs with the same one have the same input. */
  sha256?: string;
  metadata?: Record<string, unknown>;
}

/** A vector run whose raw_data stands in PostGIS, as load-to-postgis leaves it. */
export async function loadedRun({ ledger, postgis, signal }: Context, table: LoadedTable): Promise<LoadedRun> {
  const path = `s3://landing-zone/${table.datasetId ?? 'roads'}/Straßen #1 é.gpkg`;
  const manifest = ManifestSchema.parse({
    batch_id: randomUUID(),
    uploader: 'zoë',
    intent: table.intent ?? 'ingest_vector',
    files: [{ path, type: 'vector', format: 'GPKG' }],
    metadata: table.metadata ?? {},
  });
  const manifestKey = manifestKeyOf(manifest.batch_id);
  const manifestId = deterministicObjectId('manifest', manifestKey);
  const datasetId = table.datasetId ?? 'roads';
  const run = newRun({ manifest, manifestId, manifestKey, lane: 'vector', datasetId, operator: 'zoë' });
  await ledger.admitManifest(
    {
      _id: manifestId,
      batch_id: manifest.batch_id,
      claimed_batch_id: null,
      manifest_key: manifestKey,
      sha256: 'a'.repeat(64),
      status: 'running',
      run_id: run.run_id,
      lane: 'vector',
      body: manifest,
      raw: null,
      error: null,
      archive_key: null,
      created_at: run.created_at,
      updated_at: run.created_at,
    },
    run,
    newDataset(datasetId),
  );
  const claim = await claimStep(ledger, run.run_id, 'load-to-postgis');
  const session = await postgis.openSession(claim, signal);
  await session.query(table.sql);
  await session.close();
  const loaded = makeEvent('sluice.table.loaded', run.run_id, {
    run_id: run.run_id,
    srid: table.srid,
    row_count: table.rowCount,
    columns: [],
    notes: [{ code: 'CRS_ASSUMED', message: 'The CRS of the file was used.' }],
    files: [
      {
        path,
        sha256: table.sha256 ?? 'b'.repeat(64),
        size_bytes: 1,
        format: 'GPKG',
        layer: null,
        crs: `EPSG:${table.srid}`,
        row_count: table.rowCount,
      },
    ],
  });
  await ledger.finishStep(claim, loaded);
  return { run, loaded };
}

/** Claims a step as another worker would; `owner` lives on another machine. */
export async function claimStep(ledger: Context['ledger'], runId: string, step: StepName, leaseSeconds = 30) {
  const result = await ledger.claimStep({ runId, step, owner: 'elsewhere/boot/1/1', leaseSeconds });
  assert(result.outcome === 'claimed', `${step} of ${runId} is ${result.outcome}.`);
  return { runId, step, token: result.token };
}
