import type { Lane } from '#shared/contracts/lanes.ts';
import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import { deterministicId, makeEvent, type SluiceEvent } from './event.ts';

// Events that several functions publish. Their ids depend on the cause only, not on the function that publishes them.

/** The fields of a run document that its events carry. */
interface RunSource {
  run_id: string;
  lane: Lane;
  dataset_id?: string | undefined;
  traceparent: string | null;
  /** Absent for an input of unknown size. */
  input_bytes?: number | undefined;
  /** Number of restarts; absent before the first restart. */
  restarts?: number | undefined;
}

/**
 * The event with two attributes of its run. The traceparent makes all events of a run belong to one trace: the trace of
 * the event that reported the upload of the manifest. `inputbytes` is for the router, which delivers small inputs
 * beside large ones.
 */
export function ofRun(run: Pick<RunSource, 'traceparent' | 'input_bytes'>, event: SluiceEvent): SluiceEvent {
  const { traceparent: _trace, inputbytes: _size, ...rest } = event;
  return {
    ...rest,
    ...(run.traceparent === null ? {} : { traceparent: run.traceparent }),
    ...(run.input_bytes === undefined ? {} : { inputbytes: String(run.input_bytes) }),
  };
}

/** The event with a separate id for each restart of the run, so that the queue does not treat it as a repeat. */
export function afterRestart({ restarts }: Pick<RunSource, 'restarts'>, event: SluiceEvent): SluiceEvent {
  return restarts === undefined ? event : { ...event, id: deterministicId(event.id, 'restart', restarts) };
}

/** Starts the lane of a run, including after a restart. */
export function runRequested(run: RunSource): SluiceEvent {
  const event = makeEvent(`sluice.run.requested.${run.lane}`, run.run_id, { run_id: run.run_id });
  return afterRestart(run, ofRun(run, event));
}

export function runFailed(run: RunSource, error: ErrorDocument): SluiceEvent {
  return ofRun(run, makeEvent('sluice.run.failed', run.run_id, { ...refOf(run), error }));
}

export function runSucceeded(run: RunSource): SluiceEvent {
  return ofRun(run, makeEvent('sluice.run.succeeded', run.run_id, refOf(run)));
}

export function runCanceled(run: RunSource, operator: string): SluiceEvent {
  return ofRun(run, makeEvent('sluice.run.canceled', run.run_id, { ...refOf(run), operator }));
}

function refOf({ run_id, lane, dataset_id }: RunSource): { run_id: string; lane: Lane; dataset_id?: string } {
  return { run_id, lane, ...(dataset_id === undefined ? {} : { dataset_id }) };
}

/** A manifest that starts no run. `error` is null when its lane is disabled. */
export function manifestRejected(
  manifest: { _id: string; manifest_key: string; error: ErrorDocument | null },
  traceparent: string | undefined,
): SluiceEvent {
  const event = makeEvent('sluice.manifest.rejected', manifest._id, {
    manifest_id: manifest._id,
    manifest_key: manifest.manifest_key,
    error: manifest.error,
  });
  return ofRun({ traceparent: traceparent ?? null }, event);
}
