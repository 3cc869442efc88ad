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

/** S3's limit, in bytes of UTF-8. */
const MAX_KEY_BYTES = 1024;
/** Folders of Sluice itself: what lies in them is moved, and is no data. */
const RESERVED_FOLDERS = ['manifests/', 'archive/'];

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
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) return `has a key of more than ${MAX_KEY_BYTES} bytes`;
  if (/[\\\u0000-\u001f\u007f]/.test(key)) return 'holds a backslash or a control character';
  const folders = key.split('/');
  if (folders.some((name) => name === '..' || name === '.' || name === '')) return 'holds an empty, "." or ".." part';
  if (folders.slice(0, -1).some((name) => /^vsi[a-z0-9_]+$/i.test(name)))
    return 'holds a virtual path of GDAL, which Sluice does not read';
  const reserved = RESERVED_FOLDERS.find((folder) => key.startsWith(folder));
  return reserved === undefined ? undefined : `lies in ${reserved}, where Sluice keeps manifests`;
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
