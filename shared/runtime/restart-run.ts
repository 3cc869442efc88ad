import type { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { runRequested } from '#shared/events/run-events.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { ClaimRef } from '#shared/contracts/statuses.ts';
import { activityOf, SLUICE_OPERATOR } from '#shared/ledger/new-run.ts';
import type { Context } from './context.ts';

/** A run that loses its tables more often may itself be the reason why PostgreSQL crashes. */
const MAX_RESTARTS = 3;

/**
 * Restarts a run whose working tables PostgreSQL lost in a crash (TABLES_LOST); its source files are still stored.
 * Returns the event that starts the lane; undefined for any other error, or after MAX_RESTARTS restarts. Throws
 * CLAIM_STALE. When the process ends before the event is stored, the next start or monitor-runs publishes it.
 */
export async function restartAfterLoss(
  claim: ClaimRef & { run: RunDocument },
  error: SluiceError,
  { ledger, log }: Context,
): Promise<SluiceEvent | undefined> {
  if (error.code !== 'TABLES_LOST' || (claim.run.restarts ?? 0) >= MAX_RESTARTS) return undefined;
  const run = await ledger.restartRun(claim, error.toDocument());
  log.warn({ run_id: run.run_id, step: claim.step, restarts: run.restarts }, 'Run:Restart:TablesLost');
  await ledger.appendActivity(
    activityOf(
      {
        activity: 'run_restarted',
        operator: SLUICE_OPERATOR,
        run_id: run.run_id,
        batch_id: run.batch_id,
        message: `Run ${run.run_id} of ${run.batch_id} was restarted: ${error.message}`,
        details: { step: claim.step, restarts: run.restarts },
      },
      run.run_id,
      String(run.restarts),
    ),
  );
  return runRequested(run);
}
