import { type ErrorDocument, SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { manifestRejected, runRequested } from '#shared/events/run-events.ts';
import { activityOf } from '#shared/ledger/activity.ts';
import type { ManifestDocument } from '#shared/ledger/documents.ts';
import type { ManifestObject } from '#shared/landing/manifest-object.ts';
import { type Rejection, rejectedManifest, rejectionActivity } from '#shared/landing/rejected-manifest.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { Verdict } from './examine.ts';
import { planRun } from './plan-run.ts';

/** One notified upload of a manifest. */
export interface Upload {
  event: SluiceEvent;
  key: string;
  object: ManifestObject;
}

/**
 * Admits the manifest and answers the request for its run. After a crash between admission and answer the repeat finds the manifest
 * admitted and answers the same event. A batch_id that is taken makes a rejected manifest.
 */
export async function admit(
  upload: Upload,
  { manifest, lane }: Extract<Verdict, { accepted: true }>,
  context: Context,
): Promise<SluiceEvent> {
  const { event, key, object } = upload;
  const plan = planRun({ key, sha256: object.sha256, manifest, lane, traceparent: event.traceparent });
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

/** Records a manifest that starts no run, and answers the event after which it is archived. */
export async function reject(
  { event, key, object }: Upload,
  verdict: Pick<Rejection, 'manifest' | 'lane' | 'error'>,
  context: Context,
): Promise<SluiceEvent> {
  const stored = await context.ledger.recordManifest(rejectedManifest({ eventId: event.id, key, object, ...verdict }));
  await context.ledger.appendActivity(rejectionActivity(stored));
  context.log.info(
    { manifest_key: key, batch_id: stored.claimed_batch_id, error: stored.error },
    stored.error ? 'Manifest:Validate:Rejected' : 'Manifest:Route:LaneDisabled',
  );
  return manifestRejected(stored, event.traceparent);
}

/**
 * Answers a notification whose manifest is no longer in the landing zone. One that is known was archived, or its user removed it after
 * it was admitted: then the run may still wait for its request, which is answered again. One that is not known is recorded as gone.
 */
export async function answerMissing(
  event: SluiceEvent,
  key: string,
  { ledger, log }: Context,
): Promise<SluiceEvent | undefined> {
  const known = await ledger.findManifestsByKey(key);
  const runId = known.find((manifest) => manifest.run_id !== null && manifest.status === 'running')?.run_id;
  const run = runId ? await ledger.getRun(runId) : undefined;
  if (run?.status === 'running' && run.steps[0]?.status === 'pending') return runRequested(run);
  log.info({ manifest_key: key, known: known.length }, 'Manifest:Read:Gone');
  if (known.length > 0) return undefined;
  const error = new SluiceError('MANIFEST_GONE', `${key} was removed from the landing zone before it was read.`, {
    details: { manifest_key: key },
  });
  const stored = await ledger.recordManifest(
    rejectedManifest({ eventId: event.id, key, object: undefined, error: error.toDocument() }),
  );
  await ledger.appendActivity(rejectionActivity(stored));
  return undefined;
}

/** True when this very text was admitted before and is not archived yet. */
export async function isAdmitted({ key, object }: Upload, { ledger }: Context): Promise<boolean> {
  const known = await ledger.findManifestsByKey(key);
  return known.some(
    (manifest) => manifest.run_id !== null && manifest.sha256 === object.sha256 && manifest.archive_key === null,
  );
}

/** A late repeat of a notification, or the same manifest put there once more? It was archived, so only an upload can have brought it back. */
async function isUploadedAgain(
  admitted: ManifestDocument,
  { key }: Upload,
  { objects, env }: Context,
): Promise<boolean> {
  return admitted.archive_key !== null && (await objects.head(env.LANDING_BUCKET, key)) !== undefined;
}

function batchTaken({ run_id, manifest_key }: ManifestDocument, batchId: string): ErrorDocument {
  const message = `batch_id ${JSON.stringify(batchId)} is taken: ${manifest_key} used it for run ${run_id}. Choose a new batch_id, or rerun that run.`;
  return new SluiceError('BATCH_ID_TAKEN', message, {
    details: { batch_id: batchId, run_id, manifest_key },
  }).toDocument();
}
