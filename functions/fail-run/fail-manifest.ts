import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { manifestRejected, runRequested } from '#shared/events/run-events.ts';
import { uploadedManifestKey } from '#shared/landing/notifications.ts';
import { readManifestObject, rejectedManifest, rejectionActivity } from '#shared/landing/uploaded-manifest.ts';
import type { Context } from '#shared/runtime/context.ts';
import { chooseError, readFailure, withFiles } from './delivery-failure.ts';

/**
 * Handles a dead letter of validate-manifest. If the manifest was admitted, only the request for the run is missing: it
 * is returned while the first step of the run is pending. Otherwise the manifest is recorded as failed, and archived if
 * it is still in the landing zone.
 */
export async function failManifest(event: SluiceEvent, context: Context): Promise<SluiceEvent | undefined> {
  const key = manifestKey(event, context);
  if (key === undefined) return undefined;
  const { ledger, objects, env, signal } = context;
  const object = await readManifestObject(objects, env.LANDING_BUCKET, key, signal);
  const admitted = (await ledger.findManifestsByKey(key)).find(
    (manifest) =>
      manifest.run_id !== null &&
      (object === undefined || (manifest.sha256 === object.sha256 && manifest.archive_key === null)),
  );
  if (admitted?.run_id) {
    const run = await ledger.getRun(admitted.run_id);
    return run?.status === 'running' && run.steps[0]?.status === 'pending' ? runRequested(run) : undefined;
  }
  const stored = await ledger.recordManifest(
    rejectedManifest({ eventId: event.id, key, object, error: withFiles(chooseError(readFailure(event)), [key]) }),
  );
  await ledger.appendActivity(rejectionActivity(stored));
  context.log.warn({ manifest_key: key, error: stored.error }, 'Manifest:Validate:Failed');
  return object === undefined ? undefined : manifestRejected(stored, event.traceparent);
}

/** Also undefined for an invalid notification, which may be the reason for the dead letter. */
function manifestKey(event: SluiceEvent, { env, log }: Context): string | undefined {
  try {
    return uploadedManifestKey(event, env);
  } catch (thrown) {
    if (!(thrown instanceof SluiceError)) throw thrown;
    log.warn({ id: event.id, error: thrown.toDocument() }, 'DeadLetter:Read:Failed');
    return undefined;
  }
}
