import { SluiceError } from '#shared/errors/sluice-error.ts';
import { parseEventData, type SluiceEvent } from '#shared/events/event.ts';
import { runFailed } from '#shared/events/run-events.ts';
import { activityOf, SLUICE_OPERATOR } from '#shared/ledger/activity.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { isUpload } from '#shared/manifest/manifest-upload.ts';
import { settleManifestWithRun } from '#shared/manifest/settle.ts';
import type { Context, Handler } from '#shared/runtime/context.ts';
import { errorOf, failedStep, failureOf } from './dead-letter.ts';
import { failUpload } from './fail-upload.ts';

/** Events of a run that is under way. The others (run ended, manifest rejected) reach archive only, whose failure changes no run. */
const STEP_EVENTS = [
  'sluice.run.requested.vector', 'sluice.run.requested.raster', 'sluice.run.requested.tabular', 'sluice.run.requested.join',
  'sluice.table.loaded', 'sluice.table.ready', 'sluice.asset.exported',
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
  if (run === undefined) throw new SluiceError('RUN_NOT_FOUND', `The dead letter names run ${run_id}, which the ledger does not hold.`, { details: { run_id } });
  return run.status === 'running' || run.status === 'failure' ? fail(run, event, context) : announceAgain(run, event);
};

/** A repeat after a crash finds the run failed, keeps its error, and answers the same event. */
async function fail(before: RunDocument, event: SluiceEvent, { ledger, log }: Context): Promise<SluiceEvent | undefined> {
  const failure = failureOf(event);
  const step = failedStep(before, failure);
  const run = await endAsFailure(before, errorOf(failure, step), ledger);
  if (run?.error == null) return undefined;
  await settleManifestWithRun(ledger, run);
  await ledger.appendActivity(activityOf({
    activity: 'run_failed', operator: SLUICE_OPERATOR, run_id: run.run_id, batch_id: run.batch_id,
    message: `Run ${run.run_id} of ${run.batch_id} failed: ${run.error.message}`, details: { step: step?.name ?? null, error: run.error },
  }, run.run_id));
  log.warn({ run_id: run.run_id, batch_id: run.batch_id, step: step?.name, error: run.error }, 'Run:Close:Failure');
  return runFailed(run, run.error);
}

/** Undefined when the run was cancelled or succeeded in the meantime. */
async function endAsFailure(run: RunDocument, error: NonNullable<RunDocument['error']>, ledger: Context['ledger']): Promise<RunDocument | undefined> {
  try {
    return (await ledger.endRun(run.run_id, 'failure', error)).run;
  } catch (thrown) {
    if (thrown instanceof SluiceError && thrown.code === 'TRANSITION_ILLEGAL') return undefined;
    throw thrown;
  }
}

/** A run that succeeded and whose last step could not say so: its recorded reply goes out, or nothing would archive the run. */
function announceAgain(run: RunDocument, event: SluiceEvent): SluiceEvent | undefined {
  const step = failedStep(run, failureOf(event));
  return run.status === 'success' && step?.status === 'done' ? ((step.reply as SluiceEvent | null) ?? undefined) : undefined;
}
