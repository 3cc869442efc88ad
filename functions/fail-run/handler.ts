import { SluiceError } from '#shared/errors/sluice-error.ts';
import { parseEventData, type SluiceEvent } from '#shared/events/event.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { isUpload } from '#shared/landing/manifest-upload.ts';
import { failRun } from '#shared/run-control/fail.ts';
import type { Context, Handler } from '#shared/runtime/context.ts';
import { errorOf, failedStep, failureOf } from './dead-letter.ts';
import { failUpload } from './fail-upload.ts';

/** Events of a run that is under way. The others (run ended, manifest rejected) reach archive only, whose failure changes no run. */
const STEP_EVENTS = [
  'sluice.run.requested.vector',
  'sluice.run.requested.raster',
  'sluice.run.requested.tabular',
  'sluice.run.requested.join',
  'sluice.table.loaded',
  'sluice.table.ready',
  'sluice.asset.exported',
] as const;

/** The end of every dead letter: its run fails with the error that is known, or its manifest is recorded as a failure. */
export const handler: Handler = async (event, context) => {
  if (isUpload(event)) return failUpload(event, context);
  if (!STEP_EVENTS.some((type) => type === event.type)) {
    context.log.warn({ type: event.type, subject: event.subject, failure: failureOf(event) }, 'DeadLetter:Keep:NoRun');
    return undefined;
  }
  const { run_id } = parseEventData(event, ...STEP_EVENTS);
  const run = await context.ledger.getRun(run_id);
  if (run === undefined)
    throw new SluiceError('RUN_NOT_FOUND', `The dead letter names run ${run_id}, which the ledger does not hold.`, {
      details: { run_id },
    });
  return run.status === 'running' || run.status === 'failure' ? fail(run, event, context) : announceAgain(run, event);
};

function fail(run: RunDocument, event: SluiceEvent, context: Context): Promise<SluiceEvent | undefined> {
  const failure = failureOf(event);
  const step = failedStep(run, failure);
  return failRun(run.run_id, { error: errorOf(failure, step), step: step?.name ?? null }, context);
}

/** A run that succeeded and whose last step could not say so: its recorded reply goes out, or nothing would archive the run. */
function announceAgain(run: RunDocument, event: SluiceEvent): SluiceEvent | undefined {
  const step = failedStep(run, failureOf(event));
  return run.status === 'success' && step?.status === 'done'
    ? ((step.reply as SluiceEvent | null) ?? undefined)
    : undefined;
}
