import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { runCanceled, runFailed, runRequested, runSucceeded } from '#shared/events/run-events.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { canceledBy } from './end-run.ts';
import { rerunActivity } from './rerun.ts';
import { runPages } from './run-pages.ts';

/** Every run that is not archived, newest first. A run can be missing when other runs are archived meanwhile. */
export async function* listUnarchivedRuns(ledger: Pick<Ledger, 'listRuns'>): AsyncIterable<RunDocument> {
  for await (const runs of runPages(ledger, { archived: false })) yield* runs;
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
  return run.status === 'running' ? nextEventOfRunning(run) : endEvent(run);
}

/**
 * The event that starts a step of a run. A function that receives it again returns the recorded reply, or executes the
 * step if it is not done. Throws REQUEST_INVALID if the run has no such step, if the step before it is not done, and if
 * the run ended before the step.
 */
export function eventOfStep(run: RunDocument, name: string): SluiceEvent {
  const names = run.steps.map((step) => step.name);
  const at = names.findIndex((step) => step === name);
  const details = { run_id: run.run_id, step: name };
  if (at < 0)
    throw new SluiceError(
      'REQUEST_INVALID',
      `Run ${run.run_id} has no step ${JSON.stringify(name)}; its steps are ${names.join(', ')}.`,
      { details },
    );
  if (run.status !== 'running' && name !== 'archive' && run.steps[at]?.status !== 'done')
    throw new SluiceError(
      'REQUEST_INVALID',
      `Run ${run.run_id} has ended with status ${run.status}, so its step ${name} is not executed. ` +
        `Repeat the run with npx sluice rerun ${run.run_id}.`,
      { details },
    );
  if (at === 0) return runRequested(run);
  const event = name === 'archive' && run.status !== 'running' ? endEvent(run) : run.steps[at - 1]?.reply;
  if (event) return event as unknown as SluiceEvent;
  throw new SluiceError(
    'REQUEST_INVALID',
    `Step ${name} of run ${run.run_id} cannot start yet, because step ${names[at - 1]} is not done.`,
    { details },
  );
}

/** The event of a run that has ended. */
function endEvent(run: RunDocument): SluiceEvent | undefined {
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
      return undefined;
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
