import type { SluiceEvent } from '#shared/events/event.ts';
import { runCanceled, runFailed, runRequested, runSucceeded } from '#shared/events/run-events.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { canceledBy } from './end-run.ts';
import { rerunActivity } from './rerun.ts';

/** Runs in one page of the ledger. */
const RUNS_PER_PAGE = 200;

/**
 * Every run that is not archived, newest first. A run can be missing, because the pages shift when other runs are
 * archived.
 */
export async function* listUnarchivedRuns(ledger: Pick<Ledger, 'listRuns'>): AsyncIterable<RunDocument> {
  for (let offset = 0; ; offset += RUNS_PER_PAGE) {
    const runs = await ledger.listRuns({ archived: false, limit: RUNS_PER_PAGE, offset });
    yield* runs;
    if (runs.length < RUNS_PER_PAGE) return;
  }
}

/**
 * Publishes the next event of a run. Also writes the activity of a rerun, which is missing if the process crashed after
 * the insert.
 */
export async function resumeRun(
  run: RunDocument,
  event: SluiceEvent,
  { ledger, publish }: { ledger: Pick<Ledger, 'appendActivity'>; publish: (event: SluiceEvent) => Promise<void> },
): Promise<void> {
  if (run.rerun_of !== null) await ledger.appendActivity(rerunActivity(run));
  await publish(event);
}

/**
 * The event that starts the next step of a run, derived from the ledger; undefined for an archived run. It has the id
 * of the event that was published before, or should have been. While the queue holds that id, publishing the event
 * again has no effect.
 */
export function nextEvent(run: RunDocument): SluiceEvent | undefined {
  if (isArchived(run)) return undefined;
  switch (run.status) {
    case 'success':
      return runSucceeded(run);
    case 'failure':
      return runFailed(
        run,
        run.error ?? { code: 'INTERNAL', message: 'The run failed without an error.', details: {} },
      );
    case 'canceled':
      return runCanceled(run, canceledBy(run));
    case 'running':
      return nextEventOfRunning(run);
  }
}

/** True when the archive step is done: the manifest is archived and the working tables are dropped. */
export function isArchived(run: Pick<RunDocument, 'steps'>): boolean {
  return run.steps.some((step) => step.name === 'archive' && step.status === 'done');
}

/** The recorded reply of the newest step that is done; the request for the run if no step is done. */
function nextEventOfRunning(run: RunDocument): SluiceEvent | undefined {
  const next = run.steps.findIndex((step) => step.status !== 'done');
  if (next <= 0) return runRequested(run);
  return (run.steps[next - 1]?.reply as SluiceEvent | null | undefined) ?? undefined;
}
