import type { Lane } from '#shared/contracts/lanes.ts';
import { ARCHIVE_PREFIX, MANIFESTS_PREFIX, userKeyProblem } from '#shared/contracts/object-keys.ts';
import { asSluiceError, type ErrorDocument, SluiceError } from '#shared/errors/sluice-error.ts';
import type { ManifestObject } from '#shared/landing/uploaded-manifest.ts';
import { isEnabled, laneOf } from '#shared/manifest/choose-lane.ts';
import { invalidManifest } from '#shared/manifest/invalid-manifest.ts';
import { fieldsWithoutEffect } from '#shared/manifest/field-effects.ts';
import { DATASET_PREFIX, type Manifest } from '#shared/manifest/manifest.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { ObjectHead } from '#shared/storage/object-store.ts';
import { printable, rejectedCharacter } from '#shared/text/visible-text.ts';
import { listNames } from '#shared/text/list-names.ts';
import { parseManifest } from './parse-manifest.ts';

/**
 * Whether a manifest starts a run. `inputBytes` is the total size of its files; absent for a join. `error` is null if
 * its lane is disabled, which is not an error.
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
    if (unused.length > 0) throw invalidManifest(unused);
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
    `Intent ${intent} needs the ${lane} lane, but no function of this installation executes it.`,
    { details: { intent, lane } },
  );
}

/** Concurrent HEAD requests: enough to hide the latency of a store, and fewer than its connections. */
const PARALLEL_HEADS = 16;

/**
 * Checks that the files are in the landing zone and within MAX_FILE_BYTES. Returns their total size in bytes. Throws
 * FILE_MISSING, FILE_TOO_LARGE, STORE_UNAVAILABLE.
 */
async function checkFiles(
  files: NamedFile[],
  { objects, env, signal }: Pick<Context, 'objects' | 'env' | 'signal'>,
): Promise<number> {
  const heads = new Map<NamedFile, ObjectHead | undefined>();
  const queue = files.values(); // Shared by the concurrent loops, so that each file is checked once.
  const work = async () => {
    for (const file of queue) {
      signal.throwIfAborted();
      heads.set(file, await objects.head(env.LANDING_BUCKET, file.key));
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL_HEADS, files.length) }, work));
  rejectMissing(files.filter((file) => heads.get(file) === undefined));
  for (const file of files) rejectLarge(file, heads.get(file)?.size ?? 0, env.MAX_FILE_BYTES);
  return files.reduce((total, file) => total + (heads.get(file)?.size ?? 0), 0);
}

/** Total size of the newest versions of the assets that a join names; undefined if one is missing. */
export async function sizeOfAssets(
  { metadata: { join_config: config } }: Pick<Manifest, 'metadata'>,
  ledger: Context['ledger'],
): Promise<number | undefined> {
  if (config === undefined) return undefined;
  const sizeOf = async (reference: string) => {
    const asset = reference.startsWith(DATASET_PREFIX)
      ? (await ledger.listAssets({ dataset_id: reference.slice(DATASET_PREFIX.length), limit: 1 }))[0]
      : await ledger.getAsset(reference);
    return asset?.size_bytes ?? Number.NaN;
  };
  const [spatial, tabular] = await Promise.all([sizeOf(config.spatial_asset_id), sizeOf(config.tabular_asset_id)]);
  const total = spatial + tabular;
  return Number.isNaN(total) ? undefined : total;
}

/** Missing files in the message of the error. `details` has all of them. */
const MAX_LISTED_FILES = 3;

function rejectMissing(missing: NamedFile[]): void {
  const [first] = missing;
  if (first === undefined) return;
  const names = missing.map(({ field, path }) => `${path} (${field})`);
  const hint = /%[0-9a-f]{2}|\?/i.test(first.path)
    ? ' A path is not percent-encoded: write a space as a space, not as %20, and omit a query after "?".'
    : '';
  const verb = missing.length === 1 ? 'is' : 'are';
  const message = `${listNames(names, MAX_LISTED_FILES)} ${verb} not in the landing zone.${hint}`;
  throw new SluiceError('FILE_MISSING', message, {
    details: { files: missing.map(({ field, path }) => ({ field, path })) },
  });
}

function rejectLarge({ field, path }: NamedFile, size: number, limit: number): void {
  if (size <= limit) return;
  throw new SluiceError(
    'FILE_TOO_LARGE',
    `${path} (${field}) has ${size} bytes. The limit is ${limit} bytes (MAX_FILE_BYTES).`,
    {
      details: { field, path, size_bytes: size, limit_bytes: limit, variable: 'MAX_FILE_BYTES' },
    },
  );
}

/** A file of a manifest, with its object key. */
export interface NamedFile {
  /** The field of the manifest: `files[0].path`. */
  field: string;
  path: string;
  key: string;
}

/** Sluice moves the objects below these prefixes, so they cannot be data files. */
const RESERVED_PREFIXES = [MANIFESTS_PREFIX, ARCHIVE_PREFIX];

/**
 * The objects of the files that a manifest lists. Paths are not decoded: `%20`, `#`, `?` and `+` are characters of the
 * key. Throws FILE_OUTSIDE_LANDING_ZONE for a path that is not s3://BUCKET/KEY, and MANIFEST_INVALID for a file that is
 * listed twice.
 */
export function filesOf(manifest: Pick<Manifest, 'files'>, bucket: string): NamedFile[] {
  const files = manifest.files.map(({ path }, index) => ({
    field: `files[${index}].path`,
    path,
    key: path.slice(`s3://${bucket}/`.length),
  }));
  const invalid = files.flatMap((file) => {
    const problem = problemOf(file.path, bucket);
    return problem === undefined ? [] : [{ field: file.field, path: file.path, message: problem }];
  });
  if (invalid[0] !== undefined) {
    const { field, path, message } = invalid[0];
    const more = invalid.length - 1;
    const others = more === 0 ? '' : more === 1 ? ' 1 more path is invalid.' : ` ${more} more paths are invalid.`;
    throw new SluiceError(
      'FILE_OUTSIDE_LANDING_ZONE',
      `${field} ${printable(JSON.stringify(path))} ${message}. Write the path as s3://${bucket}/KEY.${others}`,
      { details: { files: invalid } },
    );
  }
  rejectRepeats(manifest);
  return files;
}

const SCHEME = 's3://';

/** Why a path is invalid, as the end of a sentence; undefined for a valid path. */
function problemOf(path: string, bucket: string): string | undefined {
  if (/^\/?vsi[a-z0-9_]*(\/|$)/i.test(path)) return 'is a virtual path of GDAL, which is not allowed';
  if (!path.startsWith(SCHEME)) return 'does not start with s3://';
  const [found = '', ...segments] = path.slice(SCHEME.length).split('/');
  const key = segments.join('/');
  if (found !== bucket) return `names the bucket ${JSON.stringify(found)}`;
  if (key === '' || key.endsWith('/')) return 'names a folder, not a file';
  if (key.includes('\\')) return 'contains a backslash';
  const problem = userKeyProblem(key);
  if (problem !== undefined) return problem;
  const folders = key.split('/').slice(0, -1);
  if (folders.some((name) => /^vsi[a-z0-9_]+$/i.test(name)))
    return 'contains a virtual path of GDAL, which is not allowed';
  const reserved = RESERVED_PREFIXES.find((prefix) => key.startsWith(prefix));
  return reserved === undefined ? undefined : `is below ${reserved}, which is reserved for manifests`;
}

/** Rejects a repeated pair of path and layer, which would load every row twice. */
function rejectRepeats({ files }: Pick<Manifest, 'files'>): void {
  const seen = new Map<string, number>();
  for (const [index, { path, layer }] of files.entries()) {
    const earlier = seen.get(JSON.stringify([path, layer]));
    if (earlier !== undefined)
      throw invalidManifest([{ field: `files[${index}].path`, message: `is the same file as in files[${earlier}]` }]);
    seen.set(JSON.stringify([path, layer]), index);
  }
}
