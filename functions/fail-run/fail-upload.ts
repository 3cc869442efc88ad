import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { manifestRejected, runRequested } from '#shared/events/run-events.ts';
import { readManifestObject } from '#shared/landing/manifest-object.ts';
import { uploadedManifestKey } from '#shared/landing/manifest-upload.ts';
import { rejectedManifest, rejectionActivity } from '#shared/landing/rejected-manifest.ts';
import type { Context } from '#shared/runtime/context.ts';
import { errorOf, failureOf } from './dead-letter.ts';

/**
 * A manifest that validate-manifest could not deal with. When it got as far as admitting it, only the request for the run is missing, and is
 * answered here (the same event, whoever emits it); else the manifest is recorded as a failure, and goes to the archive.
 */
export async function failUpload(event: SluiceEvent, context: Context): Promise<SluiceEvent | undefined> {
  const key = manifestKey(event, context);
  if (key === undefined) return undefined;
  const { ledger, objects, env, signal } = context;
  const object = await readManifestObject(objects, env.LANDING_BUCKET, key, signal);
  const known = await ledger.findManifestsByKey(key);
  const admitted = known.find(
    (manifest) =>
      manifest.run_id !== null &&
      (object === undefined || (manifest.sha256 === object.sha256 && manifest.archive_key === null)),
  );
  if (admitted?.run_id) {
    const run = await ledger.getRun(admitted.run_id);
    return run?.status === 'running' && run.steps[0]?.status === 'pending' ? runRequested(run) : undefined;
  }
  const stored = await ledger.recordManifest(
    rejectedManifest({ eventId: event.id, key, object, error: errorOf(failureOf(event)) }),
  );
  await ledger.appendActivity(rejectionActivity(stored));
  context.log.warn({ manifest_key: key, error: stored.error }, 'Manifest:Validate:GivenUp');
  return object === undefined ? undefined : manifestRejected(stored, event.traceparent);
}

/** Undefined also for a notification that nobody can read: that may be the very reason why it died. */
function manifestKey(event: SluiceEvent, { env, log }: Context): string | undefined {
  try {
    return uploadedManifestKey(event, env);
  } catch (thrown) {
    if (!(thrown instanceof SluiceError)) throw thrown;
    log.warn({ id: event.id, error: thrown.toDocument() }, 'DeadLetter:Read:Failed');
    return undefined;
  }
}
