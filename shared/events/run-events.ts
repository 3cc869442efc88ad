import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import type { Lane } from '#shared/contracts/lanes.ts';
import { deterministicId, makeEvent, type SluiceEvent } from './event.ts';

/** Events that several functions emit: the same cause gives the same id, whoever emits it. */

/** The fields of a run document that its events carry. */
interface RunSource {
  run_id: string;
  traceparent: string | null;
  /** How often the run was restarted; absent before the first restart. */
  restarts?: number | undefined;
}

/** Starts the lane of a run; anew, when it lost its tables. */
export function runRequested(run: RunSource & { lane: Lane }): SluiceEvent {
  return afterRestart(
    run,
    makeEvent(
      `sluice.run.requested.${run.lane}`,
      run.run_id,
      { run_id: run.run_id },
      { traceparent: run.traceparent ?? undefined },
    ),
  );
}

/** The event under an id of its own for each time that the run began anew: it is no repeat of the one from before. */
export function afterRestart({ restarts }: Pick<RunSource, 'restarts'>, event: SluiceEvent): SluiceEvent {
  return restarts === undefined ? event : { ...event, id: deterministicId(event.id, 'restart', restarts) };
}

export function runFailed(run: RunSource, error: ErrorDocument): SluiceEvent {
  return makeEvent(
    'sluice.run.failed',
    run.run_id,
    { run_id: run.run_id, error },
    { traceparent: run.traceparent ?? undefined },
  );
}

export function runSucceeded(run: RunSource): SluiceEvent {
  return makeEvent(
    'sluice.run.succeeded',
    run.run_id,
    { run_id: run.run_id },
    { traceparent: run.traceparent ?? undefined },
  );
}

export function runCanceled(run: RunSource, operator: string): SluiceEvent {
  return makeEvent(
    'sluice.run.canceled',
    run.run_id,
    { run_id: run.run_id, operator },
    { traceparent: run.traceparent ?? undefined },
  );
}

/** A manifest that starts no run; `error` is null when that is no fault (a lane that is switched off). */
export function manifestRejected(
  manifest: { _id: string; manifest_key: string; error: ErrorDocument | null },
  traceparent?: string,
): SluiceEvent {
  return makeEvent(
    'sluice.manifest.rejected',
    manifest._id,
    { manifest_id: manifest._id, manifest_key: manifest.manifest_key, error: manifest.error },
    { traceparent },
  );
}
