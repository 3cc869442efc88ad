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

/** Times come from the run document, so the interval affects only when the next batch starts. */
const POLL_MS = 50;
const BATCH_TIMEOUT_MS = 30 * 60_000;

/** Seconds since immediately before the manifest was sent, so they include its upload. */
export interface BatchTimes {
  /** The first handler has read and checked the manifest and admitted the run. */
  admitted: number;
  /** The object is in the lake, and the asset is registered in the ledger. */
  asset: number;
  /** The run has the status success: lineage and catalog documents are written. */
  success: number;
  /** The manifest is archived, and the tables of the run are dropped. */
  archived: number;
  /** Each step, from its start to its end. */
  steps: Record<string, number>;
}

export interface FinishedBatch {
  times: BatchTimes;
  /** Milliseconds since 1970. */
  sentAt: number;
  archivedAt: number;
  rows: number;
  bytes: number;
}

/** Uploads the files of a batch, but not its manifest, so that no run starts. */
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

/** Uploads the manifest of a batch, with a separate dataset for each batch. Returns the time before the upload. */
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

/** Waits until a batch is archived. Throws the error of a failed run, and STEP_TIMEOUT. */
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
