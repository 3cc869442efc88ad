import { type ErrorDocument, SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { runFailed } from '#shared/events/run-events.ts';
import { activityOf, SLUICE_OPERATOR } from '#shared/ledger/activity.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { Logger } from '#shared/log/log.ts';
import { settleManifestWithRun } from './settle-manifest.ts';

/** Why, and in which step, if one is to blame. */
export interface FailureOfRun {
  error: ErrorDocument;
  step: string | null;
}

/**
 * Ends a run as failed, with its manifest and a line of activity, and answers the event after which it is archived. A repeat after a
 * crash finds the run failed, keeps its error, and answers the same event. Undefined when it was canceled or succeeded meanwhile.
 */
export async function failRun(
  runId: string,
  { error, step }: FailureOfRun,
  { ledger, log }: { ledger: Pick<Ledger, 'endRun' | 'settleManifest' | 'appendActivity'>; log: Logger },
): Promise<SluiceEvent | undefined> {
  const run = await endAsFailure(runId, error, ledger);
  if (run?.error == null) return undefined;
  await settleManifestWithRun(ledger, run);
  await ledger.appendActivity(
    activityOf(
      {
        activity: 'run_failed',
        operator: SLUICE_OPERATOR,
        run_id: run.run_id,
        batch_id: run.batch_id,
        message: `Run ${run.run_id} of ${run.batch_id} failed: ${run.error.message}`,
        details: { step, error: run.error },
      },
      run.run_id,
    ),
  );
  log.warn({ run_id: run.run_id, batch_id: run.batch_id, step, error: run.error }, 'Run:Close:Failure');
  return runFailed(run, run.error);
}

async function endAsFailure(
  runId: string,
  error: ErrorDocument,
  ledger: Pick<Ledger, 'endRun'>,
): Promise<RunDocument | undefined> {
  try {
    return (await ledger.endRun(runId, 'failure', error)).run;
  } catch (thrown) {
    if (thrown instanceof SluiceError && thrown.code === 'TRANSITION_ILLEGAL') return undefined;
    throw thrown;
  }
}
