import { ARCHIVE_PREFIX, MANIFESTS_PREFIX, userKeyProblem } from '#shared/contracts/object-keys.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Manifest } from '#shared/manifest/manifest.ts';
import { invalidFields } from './manifest-fields.ts';

/** A file of a manifest and the object that it names. */
export interface NamedFile {
  /** Where it stands in the manifest: `files[0].path`. */
  field: string;
  path: string;
  key: string;
}

/** Sluice moves the objects below these prefixes, so they cannot be data files. */
const RESERVED_PREFIXES = [MANIFESTS_PREFIX, ARCHIVE_PREFIX];

/**
 * The objects that a manifest names. A path is taken as it stands (`%20`, `#`, `?` and `+` are plain characters of the key).
 * Throws FILE_OUTSIDE_LANDING_ZONE for a path that is not s3://BUCKET/KEY, and MANIFEST_INVALID when a file stands twice.
 */
export function filesOf(manifest: Pick<Manifest, 'files'>, bucket: string): NamedFile[] {
  const files = manifest.files.map(({ path }, index) => ({
    field: `files[${index}].path`,
    path,
    key: path.slice(`s3://${bucket}/`.length),
  }));
  const wrong = files.flatMap((file) => {
    const problem = problemOf(file.path, bucket);
    return problem === undefined ? [] : [{ field: file.field, path: file.path, message: problem }];
  });
  if (wrong[0] !== undefined) {
    const { field, path, message } = wrong[0];
    const more = wrong.length > 1 ? ` ${wrong.length - 1} more are wrong, too.` : '';
    throw new SluiceError(
      'FILE_OUTSIDE_LANDING_ZONE',
      `${field} ${JSON.stringify(path)} ${message}. Name the file as s3://${bucket}/KEY.${more}`,
      { details: { files: wrong } },
    );
  }
  rejectRepeats(manifest);
  return files;
}

/** What is wrong with a path, as the end of a sentence; undefined when nothing is. */
function problemOf(path: string, bucket: string): string | undefined {
  if (/^\/?vsi[a-z0-9_]*(\/|$)/i.test(path)) return 'is a virtual path of GDAL, which Sluice does not read';
  const [, found, key] = /^s3:\/\/([^/]*)\/?(.*)$/s.exec(path) ?? [];
  if (found === undefined || key === undefined) return 'does not begin with s3://';
  if (found !== bucket) return `names the bucket ${JSON.stringify(found)}`;
  if (key === '' || key.endsWith('/')) return 'names a folder, not a file';
  if (key.includes('\\')) return 'contains a backslash';
  const problem = userKeyProblem(key);
  if (problem !== undefined) return problem;
  const folders = key.split('/');
  if (folders.slice(0, -1).some((name) => /^vsi[a-z0-9_]+$/i.test(name)))
    return 'holds a virtual path of GDAL, which Sluice does not read';
  const reserved = RESERVED_PREFIXES.find((prefix) => key.startsWith(prefix));
  return reserved === undefined ? undefined : `is below ${reserved}, which is reserved for manifests`;
}

/** The same file with another layer is another table; the same file and layer would put every row in twice. */
function rejectRepeats({ files }: Pick<Manifest, 'files'>): void {
  const seen = new Map<string, number>();
  for (const [index, { path, layer }] of files.entries()) {
    const before = seen.get(JSON.stringify([path, layer]));
    if (before !== undefined)
      throw invalidFields([{ field: `files[${index}].path`, message: `names the same file as files[${before}]` }]);
    seen.set(JSON.stringify([path, layer]), index);
  }
}
