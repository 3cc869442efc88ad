import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { runRequested } from '#shared/events/run-events.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { ClaimRef } from '#shared/contracts/statuses.ts';
import { activityOf, SLUICE_OPERATOR } from '#shared/ledger/activity.ts';
import type { Context } from './context.ts';

/**
 * Restarts of a run after crashes of PostgreSQL that it did not cause. A run that causes crashes fails after
 * MAX_BACKEND_DEATHS of them, so several such runs together end before the others have used up their restarts.
 */
const MAX_RESTARTS = 10;
/**
 * A run fails when its own server process was killed this often. One kill can have another reason, such as an
 * administrator, or a second run that used the memory.
 */
export const MAX_BACKEND_DEATHS = 3;
/**
 * After this many restarts that no process of the run seems to have caused, its statements run without parallel
 * workers: the end of a parallel worker cannot be distinguished from that of another session.
 */
const SERIAL_AFTER_RESTARTS = 3;
/** The ledger may be on the server that crashed. */
const LEDGER_WAIT_MS = 60_000;
const LEDGER_POLL_MS = 500;

type Counts = Pick<RunDocument, 'restarts' | 'backend_deaths'>;

/**
 * Restarts a run whose working tables PostgreSQL lost in a crash (TABLES_LOST); its source files are still stored.
 * Returns the event that starts the lane; undefined for any other error, or after MAX_RESTARTS restarts. One write of
 * the ledger, fenced by the claim, resets the steps and counts the restart. When the process ends before it, the next
 * attempt finds the empty tables and restarts the run, but does not count a crash of the run's server process. When
 * the process ends after it, the next start or monitor-runs publishes the event. Throws CLAIM_STALE, and
 * DATABASE_UNAVAILABLE when the ledger does not respond.
 */
export async function restartAfterLoss(
  claim: ClaimRef & { run: RunDocument },
  error: SluiceError,
  { ledger, log, signal }: Context,
): Promise<SluiceEvent | undefined> {
  const backendDied = error.details.backend_died === true;
  if (error.code !== 'TABLES_LOST' || (!backendDied && otherRestarts(claim.run) >= MAX_RESTARTS)) return undefined;
  const run = await whenAvailable(() => ledger.restartRun(claim, error.toDocument(), backendDied), signal);
  const { restarts, backend_deaths } = run;
  log.warn({ run_id: run.run_id, step: claim.step, reason: error.code, restarts, backend_deaths }, 'Run:Restart:Done');
  const activity = activityOf(
    {
      activity: 'run_restarted',
      operator: SLUICE_OPERATOR,
      run_id: run.run_id,
      batch_id: run.batch_id,
      message: `Run ${run.run_id} of ${run.batch_id} was restarted: ${error.message}`,
      details: { step: claim.step, restarts, backend_deaths },
    },
    run.run_id,
    String(run.restarts),
  );
  await whenAvailable(() => ledger.appendActivity(activity), signal).catch((reason: unknown) =>
    log.warn({ run_id: run.run_id, reason }, 'Activity:Append:Failed'),
  );
  return runRequested(run);
}

/** OUT_OF_MEMORY instead of TABLES_LOST when the server process of this run was killed MAX_BACKEND_DEATHS times. */
export function countBackendDeaths(error: SluiceError, run: Counts & Pick<RunDocument, 'run_id'>): SluiceError {
  const deaths = (run.backend_deaths ?? 0) + 1;
  if (error.code !== 'TABLES_LOST' || error.details.backend_died !== true || deaths < MAX_BACKEND_DEATHS) return error;
  const [largest] = (error.details.features ?? []) as { feature: number; vertices: number }[];
  const feature =
    largest && ` Feature ${largest.feature}, counted from 1, has the most vertices (${largest.vertices}).`;
  return new SluiceError(
    'OUT_OF_MEMORY',
    `The PostgreSQL process of run ${run.run_id} was killed or crashed ${deaths} times. A likely reason is that a ` +
      `feature needs more memory than the server has.${feature ?? ''}`,
    { details: { ...error.details, backend_deaths: deaths }, cause: error },
  );
}

/** Whether the statements of the run may use parallel workers. */
export function mayUseParallelWorkers(run: Counts): boolean {
  return run.backend_deaths === undefined && otherRestarts(run) < SERIAL_AFTER_RESTARTS;
}

/** Restarts after crashes for which no server process of the run was known to be the reason. */
function otherRestarts({ restarts = 0, backend_deaths = 0 }: Counts): number {
  return restarts - backend_deaths;
}

/** Repeats a write of the ledger while its server is unavailable, for LEDGER_WAIT_MS. */
async function whenAvailable<T>(write: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const deadline = performance.now() + LEDGER_WAIT_MS;
  for (;;) {
    try {
      return await write();
    } catch (thrown) {
      const isAway = thrown instanceof SluiceError && thrown.code === 'DATABASE_UNAVAILABLE';
      if (!isAway || signal.aborted || performance.now() > deadline) throw thrown;
    }
    await sleep(LEDGER_POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}
