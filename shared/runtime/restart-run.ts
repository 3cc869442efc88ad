import type { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { runRequested } from '#shared/events/run-events.ts';
import { activityOf, SLUICE_OPERATOR } from '#shared/ledger/activity.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { ClaimRef } from '#shared/contracts/claim.ts';
import type { Context } from './context.ts';

/** A run that loses its tables more often may well be what crashes PostgreSQL. */
const RESTARTS_AT_MOST = 3;

/**
 * Lets a run begin anew whose working tables PostgreSQL lost in a crash (TABLES_LOST): its files are still in the landing zone or the lake.
 * Returns the event that starts the lane, or undefined for any other error, and when it happened too often. Throws CLAIM_STALE.
 * Whoever dies after the write and before the event is routed leaves a run in which the event is due: the next start, or monitor-runs, sends it.
 */
export async function restartAfterLoss(
  claim: ClaimRef & { run: RunDocument },
  error: SluiceError,
  { ledger, log }: Context,
): Promise<SluiceEvent | undefined> {
  if (error.code !== 'TABLES_LOST' || (claim.run.restarts ?? 0) >= RESTARTS_AT_MOST) return undefined;
  const run = await ledger.restartRun(claim, error.toDocument());
  log.warn({ run_id: run.run_id, step: claim.step, restarts: run.restarts }, 'Run:Restart:TablesLost');
  await ledger.appendActivity(
    activityOf(
      {
        activity: 'run_restarted',
        operator: SLUICE_OPERATOR,
        run_id: run.run_id,
        batch_id: run.batch_id,
        message: `Run ${run.run_id} of ${run.batch_id} began anew: ${error.message}`,
        details: { step: claim.step, restarts: run.restarts },
      },
      run.run_id,
      String(run.restarts),
    ),
  );
  return runRequested(run);
}
