import assert from 'node:assert/strict';
import { type EventData, makeEvent, type SluiceEvent } from '#shared/events/event.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { StepName } from '#shared/contracts/lanes.ts';
import { admitBatch } from './fixtures/documents.ts';

export interface LoadedRun {
  run: RunDocument;
  /** The event that load-to-postgis returned. */
  loaded: SluiceEvent<EventData<'sluice.table.loaded'>>;
}

export interface LoadedTable {
  datasetId?: string;
  intent?: string;
  srid: number;
  /** Statements that create the table raw_data in the run schema. */
  sql: string;
  rowCount: number;
  /** SHA-256 of the source file. Runs with the same hash have the same input. */
  sha256?: string;
  metadata?: Record<string, unknown>;
}

/** Admits a vector run, and creates its table raw_data as load-to-postgis does. */
export async function loadedRun({ ledger, postgis, signal }: Context, table: LoadedTable): Promise<LoadedRun> {
  const { datasetId = 'roads' } = table;
  const path = `s3://landing-zone/${datasetId}/Straßen #1 é.gpkg`;
  const run = await admitBatch(ledger, {
    datasetId,
    files: [{ path, format: 'GPKG' }],
    ...(table.intent === undefined ? {} : { intent: table.intent }),
    ...(table.metadata === undefined ? {} : { metadata: table.metadata }),
  });
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

/** Claims a step for an owner on another machine. Fails if the step cannot be claimed. */
export async function claimStep(ledger: Context['ledger'], runId: string, step: StepName, leaseSeconds = 30) {
  const result = await ledger.claimStep({ runId, step, owner: 'elsewhere/boot/1/1', leaseSeconds });
  assert(result.outcome === 'claimed', `${step} of ${runId} is ${result.outcome}.`);
  return { runId, step, token: result.token };
}
