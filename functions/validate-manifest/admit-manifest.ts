import type { Lane } from '#shared/contracts/lanes.ts';
import { type ErrorDocument, SluiceError } from '#shared/errors/sluice-error.ts';
import { deterministicId, deterministicObjectId, type SluiceEvent } from '#shared/events/event.ts';
import { manifestRejected, runRequested } from '#shared/events/run-events.ts';
import {
  type ManifestObject,
  rejectedManifest,
  type RejectedManifest,
  rejectionActivity,
} from '#shared/landing/uploaded-manifest.ts';
import type { DatasetDocument, ManifestDocument, RunDocument } from '#shared/ledger/documents.ts';
import { activityOf } from '#shared/ledger/activity.ts';
import { newDataset, newRun } from '#shared/ledger/new-run.ts';
import type { Manifest } from '#shared/manifest/manifest.ts';
import type { Context } from '#shared/runtime/context.ts';
import { type ManifestDecision, sizeOfAssets } from './check-manifest.ts';

/** A manifest, with the notification of its upload. */
export interface Upload {
  event: SluiceEvent;
  key: string;
  object: ManifestObject;
}

/**
 * Admits a manifest and returns the request for its run. A repeat finds the manifest admitted and returns the same
 * event. The manifest is rejected if another one has its batch id.
 */
export async function admit(
  upload: Upload,
  { manifest, lane, inputBytes = undefined }: Extract<ManifestDecision, { accepted: true }>,
  context: Context,
): Promise<SluiceEvent> {
  const { event, key, object } = upload;
  const plan = planRun({
    key,
    sha256: object.sha256,
    manifest,
    lane,
    traceparent: event.traceparent,
    inputBytes: inputBytes ?? (await sizeOfAssets(manifest, context.ledger)),
  });
  const admission = await context.ledger.admitManifest(plan.manifest, plan.run, plan.dataset);
  if (admission.outcome === 'batch_taken' || (await isUploadedAgain(admission.manifest, upload, context))) {
    return reject(upload, { manifest, lane, error: batchTaken(admission.manifest, manifest.batch_id) }, context);
  }
  const { run } = admission;
  await context.ledger.appendActivity(
    activityOf(
      {
        activity: 'run_started',
        operator: run.tags.operator,
        run_id: run.run_id,
        batch_id: run.batch_id,
        message: `${key} of ${manifest.uploader} started run ${run.run_id}.`,
        details: { manifest_key: key, lane, dataset_id: run.dataset_id },
      },
      run.run_id,
    ),
  );
  context.log.info(
    { run_id: run.run_id, batch_id: run.batch_id, lane, outcome: admission.outcome },
    'Manifest:Admit:Done',
  );
  return runRequested(run);
}

/** Records a manifest that starts no run, and returns the event that starts its archive step. */
export async function reject(
  { event, key, object }: Upload,
  decision: Pick<RejectedManifest, 'manifest' | 'lane' | 'error'>,
  context: Context,
): Promise<SluiceEvent> {
  const stored = await context.ledger.recordManifest(rejectedManifest({ eventId: event.id, key, object, ...decision }));
  await context.ledger.appendActivity(rejectionActivity(stored));
  context.log.info(
    { manifest_key: key, batch_id: stored.claimed_batch_id, error: stored.error },
    stored.error ? 'Manifest:Validate:Rejected' : 'Manifest:Admit:LaneDisabled',
  );
  return manifestRejected(stored, event.traceparent);
}

/**
 * Handles a notification whose manifest is no longer in the landing zone. If the manifest was admitted and its first
 * step is pending, the request for the run is returned, because the first one may be lost. If the ledger does not have
 * the manifest, it is recorded as deleted.
 */
export async function handleMissing(
  event: SluiceEvent,
  key: string,
  { ledger, log }: Context,
): Promise<SluiceEvent | undefined> {
  const known = await ledger.findManifestsByKey(key);
  const runId = known.find((manifest) => manifest.run_id !== null && manifest.status === 'running')?.run_id;
  const run = runId ? await ledger.getRun(runId) : undefined;
  if (run?.status === 'running' && run.steps[0]?.status === 'pending') return runRequested(run);
  log.info({ manifest_key: key, known: known.length }, 'Manifest:Read:Missing');
  if (known.length > 0) return undefined;
  const error = new SluiceError('MANIFEST_GONE', `${key} was deleted from the landing zone before it was read.`, {
    details: { manifest_key: key },
  });
  const stored = await ledger.recordManifest(
    rejectedManifest({ eventId: event.id, key, object: undefined, error: error.toDocument() }),
  );
  await ledger.appendActivity(rejectionActivity(stored));
  return undefined;
}

/** True if the same manifest (key and content) was admitted and is not archived. */
export async function isAdmitted({ key, object }: Upload, { ledger }: Context): Promise<boolean> {
  const known = await ledger.findManifestsByKey(key);
  return known.some(
    (manifest) => manifest.run_id !== null && manifest.sha256 === object.sha256 && manifest.archive_key === null,
  );
}

/**
 * True if an archived manifest was uploaded again. False for a late repeat of its notification: then the object is not
 * there.
 */
async function isUploadedAgain(
  admitted: ManifestDocument,
  { key }: Upload,
  { objects, env }: Context,
): Promise<boolean> {
  return admitted.archive_key !== null && (await objects.head(env.LANDING_BUCKET, key)) !== undefined;
}

function batchTaken({ run_id, manifest_key }: ManifestDocument, batchId: string): ErrorDocument {
  return new SluiceError(
    'BATCH_ID_TAKEN',
    `batch_id ${JSON.stringify(batchId)} is already used by manifest ${manifest_key} (run ${run_id}).`,
    { details: { batch_id: batchId, run_id, manifest_key } },
  ).toDocument();
}

interface AcceptedManifest {
  key: string;
  sha256: string;
  manifest: Manifest;
  lane: Lane;
  traceparent?: string | undefined;
  inputBytes?: number | undefined;
}

/** Hex digits of a generated dataset id. With 48 bits, a collision is unlikely below millions of datasets. */
const GENERATED_ID_DIGITS = 12;

/** The dataset id in the manifest, or one that is generated from the batch id, so that a repeat generates the same. */
function datasetIdOf(manifest: Manifest): string {
  return (
    manifest.metadata.tags?.dataset_id ??
    `dataset_${deterministicId('dataset', manifest.batch_id).slice(0, GENERATED_ID_DIGITS)}`
  );
}

/**
 * The ledger documents of a valid manifest. Their ids depend on the batch id only, so that a repeat creates no second
 * run.
 */
function planRun({ key, sha256, manifest, lane, traceparent, inputBytes }: AcceptedManifest): {
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
    inputBytes,
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
