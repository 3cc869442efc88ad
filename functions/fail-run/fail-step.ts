import type { SluiceEvent } from '#shared/events/event.ts';
import type { RunDocument, Step } from '#shared/ledger/documents.ts';
import { failRun, type RunFailure } from '#shared/run-control/end-run.ts';
import type { Context } from '#shared/runtime/context.ts';
import {
  chooseError,
  type DeliveryFailure,
  findFailedStep,
  isBusy,
  readFailure,
  withFiles,
  yieldsToClaim,
} from './delivery-failure.ts';

/**
 * Fails the run of a dead letter. Returns the event of its end. Returns the recorded reply of a step that is done, and
 * undefined while a worker has claimed the step.
 */
export async function failStep(
  run: RunDocument,
  event: SluiceEvent,
  context: Context,
): Promise<SluiceEvent | undefined> {
  const failure = readFailure(event);
  const step = findFailedStep(run, failure, event);
  // Another delivery of the event completed the step, or only its reply was lost.
  if (run.status === 'running' && step?.status === 'done') return replyOf(step);
  const continues = run.status === 'running' && isBusy(failure);
  const failed = continues ? undefined : await failRun(run.run_id, failureOf(run, failure, step), context);
  if (failed === undefined) {
    const reason = 'a worker holds the claim of the step, or the run has ended';
    context.log.warn({ run_id: run.run_id, step: step?.name, failure, reason }, 'DeadLetter:Handle:Ignored');
  }
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
export function recordedReply(run: RunDocument, event: SluiceEvent): SluiceEvent | undefined {
  const step = findFailedStep(run, readFailure(event), event);
  return run.status === 'success' && step?.status === 'done' ? replyOf(step) : undefined;
}

function replyOf(step: Step | undefined): SluiceEvent | undefined {
  return (step?.reply as SluiceEvent | null | undefined) ?? undefined;
}
