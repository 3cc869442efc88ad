import type { Lane } from '#shared/contracts/lanes.ts';
import { asSluiceError, type ErrorDocument, SluiceError } from '#shared/errors/sluice-error.ts';
import type { ManifestObject } from '#shared/landing/uploaded-manifest.ts';
import { fieldsWithoutEffect } from '#shared/manifest/field-effects.ts';
import { isEnabled, laneOf } from '#shared/manifest/choose-lane.ts';
import type { Manifest } from '#shared/manifest/manifest.ts';
import type { Context } from '#shared/runtime/context.ts';
import { printable, rejectedCharacter } from '#shared/text/visible-text.ts';
import { checkFiles, filesOf } from './check-files.ts';
import { invalidFields, parseManifest } from './parse-manifest.ts';

/**
 * Whether a manifest starts a run. `inputBytes` is the total size of its files; absent for a join. `error` is null if
 * its lane is disabled, which is no error.
 */
export type ManifestDecision =
  | { accepted: true; manifest: Manifest; lane: Lane; inputBytes?: number }
  | { accepted: false; manifest: Manifest | null; lane: Lane | null; error: ErrorDocument | null };

/** Checks an uploaded manifest and the files that it lists. Throws only transient errors. */
export async function checkManifest(
  { key, object }: { key: string; object: ManifestObject },
  context: Pick<Context, 'objects' | 'env' | 'signal' | 'servedLanes'>,
): Promise<ManifestDecision> {
  let manifest: Manifest | null = null;
  let lane: Lane | null = null;
  try {
    manifest = parseManifest(object);
    rejectInvisibleKey(key);
    lane = laneOf(manifest);
    const unused = fieldsWithoutEffect(manifest, lane);
    if (unused.length > 0) throw invalidFields(unused);
    // The files of a disabled lane are not checked.
    if (!isEnabled(lane, context.env)) return { accepted: false, manifest, lane, error: null };
    if (!context.servedLanes.has(lane)) throw laneNotAvailable(manifest, lane);
    const files = filesOf(manifest, context.env.LANDING_BUCKET);
    const inputBytes = await checkFiles(files, context);
    return { accepted: true, manifest, lane, ...(files.length === 0 ? {} : { inputBytes }) };
  } catch (thrown) {
    const error = asSluiceError(thrown);
    if (error.retryable) throw error;
    return { accepted: false, manifest, lane, error: error.toDocument() };
  }
}

/** Lists and logs show the key of a manifest. Throws MANIFEST_INVALID. */
function rejectInvisibleKey(key: string): void {
  const rejected = rejectedCharacter(key);
  if (rejected === undefined) return;
  throw new SluiceError(
    'MANIFEST_INVALID',
    `The object key ${printable(JSON.stringify(key))} of the manifest contains ${rejected}. Rename the object.`,
    { details: { issues: [{ field: 'manifest', message: `has a key that contains ${rejected}` }] } },
  );
}

function laneNotAvailable({ intent }: Manifest, lane: Lane): SluiceError {
  return new SluiceError(
    'LANE_NOT_AVAILABLE',
    `Intent ${intent} needs the ${lane} lane, which no function of this installation serves.`,
    { details: { intent, lane } },
  );
}
