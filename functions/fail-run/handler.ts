import { SluiceError } from '#shared/errors/sluice-error.ts';
import { parseRunId, type SluiceEvent } from '#shared/events/event.ts';
import { isStepEvent, STEP_EVENTS } from '#shared/events/types.ts';
import { isUploadEvent } from '#shared/landing/notifications.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { failRun } from '#shared/run-control/end-run.ts';
import type { Context, Handler } from '#shared/runtime/context.ts';
import { chooseError, findFailedStep, isDue, readFailure, withFiles } from './delivery-failure.ts';
import { failManifest } from './fail-manifest.ts';

/** Receives every dead letter, and fails its run, or records its manifest as failed. See README.md. */
export const handler: Handler = async (event, context) => {
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
    throw new SluiceError('RUN_NOT_FOUND', `The dead letter is for run ${run_id}, which is not in the ledger.`, {
      details: { run_id },
    });
  if (!isDue(run, readFailure(event))) {
    context.log.warn({ run_id, type: event.type, failure: readFailure(event) }, 'DeadLetter:Ignore:NotDue');
    return undefined;
  }
  if (run.status === 'running' || run.status === 'failure') return failStep(run, event, context);
  return recordedReply(run, event);
};

function failStep(run: RunDocument, event: SluiceEvent, context: Context): Promise<SluiceEvent | undefined> {
  const failure = readFailure(event);
  const step = findFailedStep(run, failure);
  const error = withFiles(
    chooseError(failure, step),
    run.manifest.files.map((file) => file.path),
  );
  return failRun(run.run_id, { error, step: step?.name ?? null }, context);
}

/**
 * The recorded reply of the step that ended the run with success, if only its reply was lost. Without it, the run is
 * not archived.
 */
function recordedReply(run: RunDocument, event: SluiceEvent): SluiceEvent | undefined {
  const step = findFailedStep(run, readFailure(event));
  if (run.status !== 'success' || step?.status !== 'done') return undefined;
  return (step.reply as SluiceEvent | null) ?? undefined;
}
