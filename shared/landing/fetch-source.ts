import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type ArchiveMember, localName, memberPath, withArchive } from '#shared/formats/archive.ts';
import { describeFirstBytes, readFirstBytes } from '#shared/formats/first-bytes.ts';
import { type FileFormat, hasExtension, isArchive } from '#shared/formats/format-table.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';
import type { Context } from '#shared/runtime/context.ts';
import { datasetInArchive, extensionOf, hasParts, partsOf, stemOf } from './source-parts.ts';

/** A file of the manifest as it lies on this machine, checked as far as that goes without GDAL. */
export interface Source<F extends FileFormat = FileFormat> {
  /** As the manifest names it: what messages and notes say. */
  file: string;
  declared: ManifestFile;
  format: F;
  /** The dataset, for GDAL. */
  path: string;
  /** Extensions of the parts that are there. */
  parts: string[];
  /** Of the object, or over the names and hashes of all parts. */
  sha256: string;
  sizeBytes: number;
}

export type FetchContext = Pick<Context, 'objects' | 'env'> & { folder: string; signal: AbortSignal };

/** Looks at the fetched file, whose first bytes are `head`, and throws when it must not be read. */
export type CheckContent<F extends FileFormat> = (source: Source<F>, head: Buffer) => void | Promise<void>;

/** Enough of a file to tell its format. What must not stand in it is looked for in all of it. */
const HEAD_BYTES = 16 * 2 ** 10;

/**
 * Downloads a file of the manifest, with the files that belong to it, into `folder`, and unpacks it when it is an archive. `check` is the
 * lane's own. Throws FILE_MISSING, FILE_INCOMPLETE, FILE_TOO_LARGE, FILE_UNREADABLE for an empty file, what withArchive throws, and what `check` does.
 */
export async function fetchSource<F extends FileFormat>(
  declared: ManifestFile,
  format: F,
  check: CheckContent<F>,
  surroundings: FetchContext,
): Promise<Source<F>> {
  const file = declared.path;
  const key = keyOf(file, surroundings.env.LANDING_BUCKET);
  const fetched = isArchive(key)
    ? await fetchArchive(key, declared, format, surroundings)
    : await fetchObjects(key, declared, format, surroundings);
  const head = await readFirstBytes(fetched.path, HEAD_BYTES);
  const what = isArchive(key) ? `${JSON.stringify(basename(fetched.path))} in ${file}` : file;
  if (head.length === 0)
    throw new SluiceError('FILE_UNREADABLE', `${what} is empty. Upload it again.`, { details: { file } });
  const source = { file, declared, format, ...fetched };
  await check(source, head);
  return source;
}

/** Throws FORMAT_MISMATCH when a file does not begin as its format does. */
export function checkSignature(format: FileFormat, head: Buffer, file: string): void {
  if (format.matchesSignature(head)) return;
  const found = describeFirstBytes(head);
  throw new SluiceError(
    'FORMAT_MISMATCH',
    `${file} is declared as ${format.name}, but begins like ${found}. Correct \`format\` in the manifest, or the file.`,
    { details: { file, format: format.name, found } },
  );
}

type Fetched = Pick<Source, 'path' | 'parts' | 'sha256' | 'sizeBytes'>;

async function fetchObjects(
  key: string,
  declared: ManifestFile,
  format: FileFormat,
  { objects, env, folder, signal }: FetchContext,
): Promise<Fetched> {
  const beside = hasParts(format) ? await namesBeside(key, { objects, env }) : [];
  const parts = partsOf(format, key, beside, declared.path);
  const stem = join(folder, stemOf(localName(key)));
  const downloads = await Promise.all(
    parts.map(async (part) => {
      const path = `${stem}${localExtension(part, format, part.name === key)}`;
      const { sha256, size } = await objects.download(env.LANDING_BUCKET, part.name, path, {
        maxBytes: env.MAX_FILE_BYTES,
        signal,
      });
      return { name: part.name, path, sha256, size };
    }),
  );
  return {
    path: downloads[0]?.path ?? stem,
    parts: parts.map((part) => part.extension),
    sha256: hashOfParts(downloads),
    sizeBytes: downloads.reduce((sum, { size }) => sum + size, 0),
  };
}

/** Drivers know their files by extension, in lower case; a file that has another one gets the usual one. */
function localExtension(part: { extension: string }, format: FileFormat, isMain: boolean): string {
  return isMain && !hasExtension(format, part.extension) ? (format.extensions[0] ?? '') : part.extension;
}

async function namesBeside(key: string, { objects, env }: Pick<Context, 'objects' | 'env'>): Promise<string[]> {
  const names: string[] = [];
  for await (const object of objects.list(env.LANDING_BUCKET, `${stemOf(key)}.`)) names.push(object.key);
  return names;
}

async function fetchArchive(
  key: string,
  declared: ManifestFile,
  format: FileFormat,
  { objects, env, folder, signal }: FetchContext,
): Promise<Fetched> {
  const archive = join(folder, 'archive');
  const { sha256, size } = await objects.download(env.LANDING_BUCKET, key, archive, {
    maxBytes: env.MAX_FILE_BYTES,
    signal,
  });
  const unpacked = await withArchive(
    archive,
    declared.path,
    { maxBytes: env.MAX_FILE_BYTES },
    async (members, unpack) => {
      const byName = new Map<string, ArchiveMember>(members.map((member) => [member.name, member]));
      const names = [...byName.keys()];
      const parts = partsOf(
        format,
        datasetInArchive(format, names, declared.layer, declared.path),
        names,
        declared.path,
      );
      const paths: string[] = [];
      for (const part of parts) {
        const member = byName.get(part.name);
        if (member === undefined) continue;
        const target = memberPath(join(folder, 'unpacked'), `${stemOf(part.name)}${extensionOf(part.name)}`);
        await unpack(member, target, signal);
        paths.push(target);
      }
      return { path: paths[0] ?? archive, parts: parts.map((part) => part.extension) };
    },
  );
  await rm(archive);
  return { ...unpacked, sha256, sizeBytes: size };
}

/** One object: its own hash. Several: a hash over their names and hashes, which does not depend on their order. */
function hashOfParts(parts: { name: string; sha256: string }[]): string {
  if (parts.length === 1 && parts[0] !== undefined) return parts[0].sha256;
  const lines = parts.map((part) => `${part.name}\0${part.sha256}\n`).sort();
  return createHash('sha256').update(lines.join('')).digest('hex');
}

/** The object key of a path; validate-manifest has checked it, and this holds for events of other origin. Throws FILE_OUTSIDE_LANDING_ZONE. */
function keyOf(path: string, bucket: string): string {
  const prefix = `s3://${bucket}/`;
  const key = path.slice(prefix.length);
  if (path.startsWith(prefix) && key !== '') return key;
  throw new SluiceError(
    'FILE_OUTSIDE_LANDING_ZONE',
    `${JSON.stringify(path)} does not name an object of ${bucket}. Name the file as ${prefix}KEY.`,
    { details: { file: path } },
  );
}
