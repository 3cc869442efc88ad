import { readManifestObject } from '#shared/landing/manifest-object.ts';
import { uploadedManifestKey } from '#shared/landing/manifest-upload.ts';
import type { Handler } from '#shared/runtime/context.ts';
import { admit, answerMissing, isAdmitted, reject } from './answer-upload.ts';
import { examine } from './examine.ts';

/** Reads and examines an uploaded manifest; answers the request for its run, or that it was rejected. */
export const handler: Handler = async (event, context) => {
  const key = uploadedManifestKey(event, context.env);
  if (key === undefined) return undefined;
  const object = await readManifestObject(context.objects, context.env.LANDING_BUCKET, key, context.signal);
  if (object === undefined) return answerMissing(event, key, context);
  const upload = { event, key, object };
  const verdict = await examine(object, context);
  if (verdict.accepted) return admit(upload, verdict, context);
  const { manifest, lane } = verdict;
  // A repeat for a run that is under way must not reject it because its files were removed, or its lane switched off, since.
  if (manifest && lane && (await isAdmitted(upload, context)))
    return admit(upload, { accepted: true, manifest, lane }, context);
  return reject(upload, verdict, context);
};
