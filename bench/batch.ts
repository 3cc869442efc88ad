import { manifestKeyOf } from '#shared/contracts/object-keys.ts';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { PolygonFile } from './data.ts';
import type { Instance } from './instance.ts';

/** Times come from the run's document, so this only says how soon the next batch begins, and may not disturb the run. */
const POLL_MS = 50;
const BATCH_TIMEOUT_MS = 30 * 60_000;

/** Seconds since just before the manifest was sent. The upload of the manifest is in all of them. */
export interface BatchTimes {
  /** The first handler has read and checked the manifest and admitted the run. */
  admitted: number;
  /** The asset's object stands in the lake and its record in the ledger. */
  asset: number;
  /** The run is a success: lineage and catalog records are written. */
  success: number;
  /** The manifest is archived and the run's tables are dropped: nothing is left to do. */
  archived: number;
  /** Each step, from its start to its end. */
  steps: Record<string, number>;
}

export interface FinishedBatch {
  times: BatchTimes;
  /** Milliseconds since 1970, of this machine. */
  sentAt: number;
  archivedAt: number;
  rows: number;
  bytes: number;
}

/** Uploads the files of a batch, not its manifest: what a user does before Sluice has anything to do. */
export async function uploadFiles(instance: Instance, batchId: string, file: PolygonFile): Promise<void> {
  const { objects, landingBucket } = instance;
  await Promise.all(
    file.parts.map(async (part) => {
      const { size } = await stat(part);
      await objects.putStream(landingBucket, `${batchId}/${basename(part)}`, createReadStream(part), {
        size,
        contentType: 'application/octet-stream',
        signal: AbortSignal.timeout(BATCH_TIMEOUT_MS),
      });
    }),
  );
}

/** Sends the manifest of a batch, each a dataset of its own; gives the time just before. */
export async function sendManifest(instance: Instance, batchId: string, file: PolygonFile): Promise<number> {
  const { objects, landingBucket } = instance;
  const manifest = {
    batch_id: batchId,
    uploader: 'bench',
    intent: 'ingest_vector',
    files: [
      { path: `s3://${landingBucket}/${batchId}/${basename(file.shp)}`, type: 'vector', format: 'ESRI Shapefile' },
    ],
    metadata: { tags: { dataset_id: batchId } },
  };
  const sentAt = Date.now();
  await objects.put(landingBucket, manifestKeyOf(batchId), JSON.stringify(manifest));
  return sentAt;
}

/** Waits until nothing is left to do for a batch. Throws what its run failed with, STEP_TIMEOUT. */
export async function finished(instance: Instance, batchId: string, sentAt: number): Promise<FinishedBatch> {
  const run = await archivedRun(instance.ledger, batchId);
  const [assetId] = run.asset_ids;
  const asset = assetId === undefined ? undefined : await instance.ledger.getAsset(assetId);
  if (run.status !== 'success' || asset === undefined) {
    throw new SluiceError(
      run.error?.code ?? 'INTERNAL',
      `Batch ${batchId} ended as ${run.status}: ${run.error?.message ?? 'no asset'}`,
    );
  }
  const since = (time: string | null) => (Date.parse(time ?? '') - sentAt) / 1000;
  const archived = run.steps.find((step) => step.name === 'archive')?.finished_at ?? null;
  return {
    sentAt,
    archivedAt: Date.parse(archived ?? ''),
    rows: asset.row_count ?? 0,
    bytes: asset.size_bytes,
    times: {
      admitted: since(run.created_at),
      asset: since(asset.created_at),
      success: since(run.finished_at),
      archived: since(archived),
      steps: Object.fromEntries(
        run.steps.map((step) => [
          step.name,
          (Date.parse(step.finished_at ?? '') - Date.parse(step.started_at ?? '')) / 1000,
        ]),
      ),
    },
  };
}

async function archivedRun(ledger: Ledger, batchId: string): Promise<RunDocument> {
  const deadline = Date.now() + BATCH_TIMEOUT_MS;
  while (Date.now() < deadline) {
    const [run] = await ledger.listRuns({ batch_id: batchId, limit: 1 });
    if (run?.steps.some((step) => step.name === 'archive' && step.status === 'done')) return run;
    const rejected = run === undefined ? (await ledger.findManifestByBatch(batchId))?.error : undefined;
    if (rejected) throw new SluiceError(rejected.code, `Batch ${batchId} was rejected: ${rejected.message}`);
    await wait(POLL_MS);
  }
  throw new SluiceError(
    'STEP_TIMEOUT',
    `Batch ${batchId} was not finished after ${BATCH_TIMEOUT_MS / 60_000} minutes.`,
  );
}
