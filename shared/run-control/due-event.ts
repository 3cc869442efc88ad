import type { SluiceEvent } from '#shared/events/event.ts';
import { runCanceled, runFailed, runRequested, runSucceeded } from '#shared/events/run-events.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { operatorWhoCanceled } from './cancellation.ts';

/**
 * The event that brings a run on from where the ledger says it stands; undefined when nothing is left to do. It is the event that
 * was, or should have been, published already, with the same id: publishing it once more adds nothing while the queue remembers it.
 */
export function dueEvent(run: RunDocument): SluiceEvent | undefined {
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
      return runCanceled(run, operatorWhoCanceled(run));
    case 'running':
      return nextOfRunning(run);
  }
}

/** The archive step is done: the manifest stands in the archive, and the run's tables are gone. */
export function isArchived(run: Pick<RunDocument, 'steps'>): boolean {
  return run.steps.some((step) => step.name === 'archive' && step.status === 'done');
}

/** The request for the run while no step is done, then the reply of the newest step that is. */
function nextOfRunning(run: RunDocument): SluiceEvent | undefined {
  const next = run.steps.findIndex((step) => step.status !== 'done');
  if (next <= 0) return runRequested(run);
  return (run.steps[next - 1]?.reply as SluiceEvent | null | undefined) ?? undefined;
}
