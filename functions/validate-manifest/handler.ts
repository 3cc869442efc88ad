import { uploadedManifestKey } from '#shared/landing/notifications.ts';
import { readManifestObject } from '#shared/landing/uploaded-manifest.ts';
import type { Handler } from '#shared/runtime/context.ts';
import { admit, handleMissing, isAdmitted, reject } from './admit-manifest.ts';
import { checkManifest } from './check-manifest.ts';

/**
 * Reads and checks an uploaded manifest. Returns the request for its run, or the event that it was rejected. See
 * README.md.
 */
export const handler: Handler = async (event, context) => {
  const key = uploadedManifestKey(event, context.env);
  if (key === undefined) return undefined;
  const object = await readManifestObject(context.objects, context.env.LANDING_BUCKET, key, context.signal);
  if (object === undefined) return handleMissing(event, key, context);
  const upload = { event, key, object };
  const decision = await checkManifest(upload, context);
  if (decision.accepted) return admit(upload, decision, context);
  const { manifest, lane } = decision;
  // The manifest was admitted before. Its run continues, even if files were deleted or the lane was disabled since.
  if (manifest && lane && (await isAdmitted(upload, context)))
    return admit(upload, { accepted: true, manifest, lane }, context);
  return reject(upload, decision, context);
};
