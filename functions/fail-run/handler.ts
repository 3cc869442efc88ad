import { SluiceError } from '#shared/errors/sluice-error.ts';
import { isStepEvent, parseRunId, type SluiceEvent, STEP_EVENTS } from '#shared/events/event.ts';
import { isUploadEvent } from '#shared/landing/notifications.ts';
import type { Context, Handler } from '#shared/runtime/context.ts';
import { isDue, readFailure } from './delivery-failure.ts';
import { failManifest } from './fail-manifest.ts';
import { failStep, recordedReply } from './fail-step.ts';

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
    const reason = 'no event of a step or of an upload';
    context.log.warn({ type, subject, failure: readFailure(event), reason }, 'DeadLetter:Handle:Ignored');
    return undefined;
  }
  const run_id = parseRunId(event, ...STEP_EVENTS);
  const run = await context.ledger.getRun(run_id);
  if (run === undefined)
    throw new SluiceError('RUN_NOT_FOUND', `Run ${run_id} of the dead letter does not exist.`, {
      details: { run_id },
    });
  if (!isDue(run, readFailure(event))) {
    const reason = 'the run cannot have produced the event';
    context.log.warn({ run_id, type: event.type, failure: readFailure(event), reason }, 'DeadLetter:Handle:Ignored');
    return undefined;
  }
  if (run.status === 'running' || run.status === 'failure') return failStep(run, event, context);
  return recordedReply(run, event);
}
