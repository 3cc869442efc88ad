import { SluiceError } from '#shared/errors/sluice-error.ts';
import { isStepEvent, parseRunId, type SluiceEvent, STEP_EVENTS } from '#shared/events/event.ts';
import { manifestRejected, runRequested } from '#shared/events/run-events.ts';
import { isUploadEvent, uploadedManifestKey } from '#shared/landing/notifications.ts';
import { readManifestObject, rejectedManifest, rejectionActivity } from '#shared/landing/uploaded-manifest.ts';
import type { RunDocument, Step } from '#shared/ledger/documents.ts';
import { failRun, type RunFailure } from '#shared/run-control/end-run.ts';
import type { Context, Handler } from '#shared/runtime/context.ts';
import {
  chooseError,
  type DeliveryFailure,
  findFailedStep,
  isBusy,
  isDue,
  readFailure,
  withFiles,
  yieldsToClaim,
} from './delivery-failure.ts';

/**
 * Receives every dead letter, and fails its run, or records its manifest as failed. See README.md. Knative ignores the
 * reply of a dead-letter sink, so with a broker the event is also posted to it.
 */
export const handler: Handler = async (event, context) => {
  const reply = await handleDeadLetter(event, context);
  if (reply !== undefined && context.env.K_SINK !== undefined) await context.publish(reply);
  return reply;
};

async function handleDeadLetter(event: SluiceEvent, context: Context): Promise<SluiceEvent | undefined> {
  if (isUploadEvent(event)) return failManifest(event, context);
  // The other events (run ended, manifest rejected) are received by archive only; its failure fails no run.
  if (!isStepEvent(event)) {
    const { type, subject } = event;
    context.log.warn({ type, subject, failure: readFailure(event) }, 'DeadLetter:Ignore:NoRun');
    return undefined;
  }
  const run_id = parseRunId(event, ...STEP_EVENTS);
  const run = await context.ledger.getRun(run_id);
  if (run === undefined)
    throw new SluiceError('RUN_NOT_FOUND', `Run ${run_id} of the dead letter does not exist.`, {
      details: { run_id },
    });
  if (!isDue(run, readFailure(event))) {
    context.log.warn({ run_id, type: event.type, failure: readFailure(event) }, 'DeadLetter:Ignore:NotDue');
    return undefined;
  }
  if (run.status === 'running' || run.status === 'failure') return failStep(run, event, context);
  return recordedReply(run, event);
}

async function failStep(run: RunDocument, event: SluiceEvent, context: Context): Promise<SluiceEvent | undefined> {
  const failure = readFailure(event);
  const step = findFailedStep(run, failure, event);
  // Another delivery of the event completed the step, or only its reply was lost.
  if (run.status === 'running' && step?.status === 'done') return replyOf(step);
  const continues = run.status === 'running' && isBusy(failure);
  const failed = continues ? undefined : await failRun(run.run_id, failureOf(run, failure, step), context);
  if (failed === undefined)
    context.log.warn({ run_id: run.run_id, step: step?.name, failure }, 'DeadLetter:Ignore:StepClaimed');
  return failed;
}

function failureOf(run: RunDocument, failure: DeliveryFailure, step: Step | undefined): RunFailure {
  const error = withFiles(
    chooseError(failure, step),
    run.manifest.files.map((file) => file.path),
  );
  const unless = step && { step: step.name, orClaimed: yieldsToClaim(failure, step) };
  return { error, step: step?.name ?? null, unless };
}

/**
 * The recorded reply of the step that ended the run with success, if only its reply was lost. Without it, the run is
 * not archived.
 */
function recordedReply(run: RunDocument, event: SluiceEvent): SluiceEvent | undefined {
  const step = findFailedStep(run, readFailure(event), event);
  return run.status === 'success' && step?.status === 'done' ? replyOf(step) : undefined;
}

function replyOf(step: Step | undefined): SluiceEvent | undefined {
  return (step?.reply as SluiceEvent | null | undefined) ?? undefined;
}

/**
 * Handles a dead letter of validate-manifest. If the manifest was admitted, only the request for the run is missing,
 * and it is returned. Otherwise the manifest is recorded as failed and archived.
 */
async function failManifest(event: SluiceEvent, context: Context): Promise<SluiceEvent | undefined> {
  const key = manifestKey(event, context);
  if (key === undefined) return undefined;
  const { ledger, objects, env, signal } = context;
  const object = await readManifestObject(objects, env.LANDING_BUCKET, key, signal);
  const admitted = (await ledger.findManifestsByKey(key)).find(
    (manifest) =>
      manifest.run_id !== null &&
      (object === undefined || (manifest.sha256 === object.sha256 && manifest.archive_key === null)),
  );
  if (admitted?.run_id) {
    const run = await ledger.getRun(admitted.run_id);
    return run?.status === 'running' && run.steps[0]?.status === 'pending' ? runRequested(run) : undefined;
  }
  const stored = await ledger.recordManifest(
    rejectedManifest({ eventId: event.id, key, object, error: withFiles(chooseError(readFailure(event)), [key]) }),
  );
  await ledger.appendActivity(rejectionActivity(stored));
  context.log.warn({ manifest_key: key, error: stored.error }, 'Manifest:Validate:Failed');
  return object === undefined ? undefined : manifestRejected(stored, event.traceparent);
}

/** Also undefined for an invalid notification, which may be the reason for the dead letter. */
function manifestKey(event: SluiceEvent, { env, log }: Context): string | undefined {
  try {
    return uploadedManifestKey(event, env);
  } catch (thrown) {
    if (!(thrown instanceof SluiceError)) throw thrown;
    log.warn({ id: event.id, error: thrown.toDocument() }, 'DeadLetter:Read:Failed');
    return undefined;
  }
}
