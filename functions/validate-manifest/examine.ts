import { asSluiceError, type ErrorDocument, SluiceError } from '#shared/errors/sluice-error.ts';
import { isEnabled, laneOf } from '#shared/manifest/lanes.ts';
import type { Manifest } from '#shared/manifest/manifest.ts';
import type { ManifestObject } from '#shared/landing/manifest-object.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { Lane } from '#shared/contracts/lanes.ts';
import { checkFiles } from './check-files.ts';
import { filesOf } from './file-paths.ts';
import { parseManifest } from './parse-manifest.ts';

/** What a manifest deserves. `error` is null when its lane is switched off: no fault, and no run. */
export type Verdict =
  | { accepted: true; manifest: Manifest; lane: Lane }
  | { accepted: false; manifest: Manifest | null; lane: Lane | null; error: ErrorDocument | null };

/** Examines an uploaded manifest and the files that it names. Throws only errors after which another try can succeed. */
export async function examine(
  object: ManifestObject,
  context: Pick<Context, 'objects' | 'env' | 'signal' | 'servedLanes'>,
): Promise<Verdict> {
  let manifest: Manifest | null = null;
  let lane: Lane | null = null;
  try {
    manifest = parseManifest(object);
    lane = laneOf(manifest);
    // Before the files: a lane that is switched off asks nothing of them.
    if (!isEnabled(lane, context.env)) return { accepted: false, manifest, lane, error: null };
    if (!context.servedLanes.has(lane)) throw notAvailable(manifest, lane);
    await checkFiles(filesOf(manifest, context.env.LANDING_BUCKET), context);
    return { accepted: true, manifest, lane };
  } catch (thrown) {
    const error = asSluiceError(thrown);
    if (error.retryable) throw error;
    return { accepted: false, manifest, lane, error: error.toDocument() };
  }
}

function notAvailable({ intent }: Manifest, lane: Lane): SluiceError {
  return new SluiceError(
    'LANE_NOT_AVAILABLE',
    `intent ${intent} is of the ${lane} lane, which no function of this installation serves.`,
    { details: { intent, lane } },
  );
}
