import { deterministicId, deterministicObjectId } from '#shared/events/event.ts';
import type { DatasetDocument, ManifestDocument, RunDocument } from '#shared/ledger/documents.ts';
import { newDataset, newRun } from '#shared/ledger/new-run.ts';
import type { Manifest } from '#shared/manifest/manifest.ts';
import type { Lane } from '#shared/contracts/lanes.ts';

export interface AcceptedManifest {
  key: string;
  sha256: string;
  manifest: Manifest;
  lane: Lane;
  traceparent?: string | undefined;
}

/** Hex digits of a generated dataset id. With 48 bits, a collision is unlikely below millions of datasets. */
const GENERATED_ID_DIGITS = 12;

/** The dataset id in the manifest, or one that is generated from the batch id, so that a repeat generates the same. */
export function datasetIdOf(manifest: Manifest): string {
  return (
    manifest.metadata.tags?.dataset_id ??
    `dataset_${deterministicId('dataset', manifest.batch_id).slice(0, GENERATED_ID_DIGITS)}`
  );
}

/**
 * The ledger documents of a valid manifest. Their ids depend on the batch id only, so that a repeat creates no second
 * run.
 */
export function planRun({ key, sha256, manifest, lane, traceparent }: AcceptedManifest): {
  manifest: ManifestDocument;
  run: RunDocument;
  dataset: DatasetDocument;
} {
  const manifestId = deterministicObjectId('manifest', manifest.batch_id);
  const datasetId = datasetIdOf(manifest);
  const run = newRun({
    manifest,
    manifestId,
    manifestKey: key,
    lane,
    datasetId,
    operator: manifest.uploader,
    traceparent,
  });
  const document: ManifestDocument = {
    _id: manifestId,
    batch_id: manifest.batch_id,
    claimed_batch_id: null,
    manifest_key: key,
    sha256,
    status: 'running',
    run_id: run.run_id,
    lane,
    body: manifest,
    raw: null,
    error: null,
    archive_key: null,
    created_at: run.created_at,
    updated_at: run.created_at,
  };
  return { manifest: document, run, dataset: newDataset(datasetId) };
}
