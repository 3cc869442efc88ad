import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import type { ManifestDocument, RunDocument } from '#shared/ledger/documents.ts';
import { deterministicId, makeEvent, type SluiceEvent } from './event.ts';

/** Events that several functions emit: the same cause gives the same id, whoever emits it. */

/** Starts the lane of a run; anew, when it lost its tables. */
export function runRequested(run: Pick<RunDocument, 'run_id' | 'lane' | 'traceparent' | 'restarts'>): SluiceEvent {
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
export function afterRestart({ restarts }: Pick<RunDocument, 'restarts'>, event: SluiceEvent): SluiceEvent {
  return restarts === undefined ? event : { ...event, id: deterministicId(event.id, 'restart', restarts) };
}

export function runFailed(run: Pick<RunDocument, 'run_id' | 'traceparent'>, error: ErrorDocument): SluiceEvent {
  return makeEvent(
    'sluice.run.failed',
    run.run_id,
    { run_id: run.run_id, error },
    { traceparent: run.traceparent ?? undefined },
  );
}

export function runSucceeded(run: Pick<RunDocument, 'run_id' | 'traceparent'>): SluiceEvent {
  return makeEvent(
    'sluice.run.succeeded',
    run.run_id,
    { run_id: run.run_id },
    { traceparent: run.traceparent ?? undefined },
  );
}

export function runCanceled(run: Pick<RunDocument, 'run_id' | 'traceparent'>, operator: string): SluiceEvent {
  return makeEvent(
    'sluice.run.canceled',
    run.run_id,
    { run_id: run.run_id, operator },
    { traceparent: run.traceparent ?? undefined },
  );
}

/** A manifest that starts no run; `error` is null when that is no fault (a lane that is switched off). */
export function manifestRejected(
  manifest: Pick<ManifestDocument, '_id' | 'manifest_key' | 'error'>,
  traceparent?: string,
): SluiceEvent {
  return makeEvent(
    'sluice.manifest.rejected',
    manifest._id,
    { manifest_id: manifest._id, manifest_key: manifest.manifest_key, error: manifest.error },
    { traceparent },
  );
}
