import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { type ZipMember, localName, memberPath, withZipArchive } from '#shared/formats/zip.ts';
import { adviceForFirstBytes, describeFirstBytes, isWideText, readFirstBytes } from '#shared/formats/signatures.ts';
import { type FileFormat, hasExtension, isZipArchive } from '#shared/formats/format-list.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';
import type { Context } from '#shared/runtime/context.ts';
import { settleAll } from '#shared/signals/promises.ts';
import {
  attachedEnding,
  datasetInZip,
  extensionOf,
  hasParts,
  filePartsOf,
  type SourcePart,
  stemOf,
  maxPartBytes,
  partTooLarge,
} from './source-parts.ts';

/** A file of the manifest, downloaded and checked without GDAL. */
export interface Source<F extends FileFormat = FileFormat> {
  /** The path in the manifest, for messages and notes. */
  file: string;
  declared: ManifestFile;
  format: F;
  /** The local file that GDAL opens. */
  path: string;
  /** Extensions of all fetched parts. */
  parts: string[];
  /** Hash of the object; for several parts, a hash over their names and hashes. */
  sha256: string;
  sizeBytes: number;
}

/** The context of a fetch. `folder` is where the files are written. */
export type FetchContext = Pick<Context, 'objects' | 'env'> & { folder: string; signal: AbortSignal };

/** Throws when the fetched file must not be read. */
export type CheckContent<F extends FileFormat> = (source: Source<F>, firstBytes: Buffer) => void | Promise<void>;

/** Long enough for every signature, and for the root element of an XML document after comments. */
const FIRST_BYTES = 16 * 2 ** 10;

/**
 * Downloads a file of the manifest and the files that belong to it, and unpacks an archive. `check` contains the checks
 * of the lane. Throws FILE_MISSING, FILE_INCOMPLETE, FILE_TOO_LARGE, FILE_UNREADABLE for an empty file, the errors of
 * withZipArchive, and those of `check`.
 */
export async function fetchSource<F extends FileFormat>(
  declared: ManifestFile,
  format: F,
  check: CheckContent<F>,
  context: FetchContext,
): Promise<Source<F>> {
  const file = declared.path;
  const key = objectKeyOf(file, context.env.LANDING_BUCKET);
  const fetched = isZipArchive(key)
    ? await fetchArchive(key, declared, format, context)
    : await fetchObjects(key, declared, format, context);
  const firstBytes = await readFirstBytes(fetched.path, FIRST_BYTES);
  if (firstBytes.length === 0) {
    const name = isZipArchive(key) ? `${JSON.stringify(basename(fetched.path))} in ${file}` : file;
    throw new SluiceError('FILE_UNREADABLE', `${name} is empty. Upload it again.`, { details: { file } });
  }
  const source = { file, declared, format, ...fetched };
  await check(source, firstBytes);
  return source;
}

/**
 * The name of the layer to read from a fetched file with these layers; undefined when the manifest names none. `layer`
 * of the manifest can name a file of an archive instead of a layer.
 */
export function layerInside(
  { declared: { layer }, format, file, path }: Source,
  layers: readonly string[],
): string | undefined {
  if (layer === undefined || format.isSingleLayer === true) return undefined;
  const namesFile = isZipArchive(file) && stemOf(basename(path)) === layer;
  return namesFile && !layers.includes(layer) ? undefined : layer;
}

/**
 * Throws FORMAT_MISMATCH when the file does not start with the signature of its format. `encoding` is the declared one
 * of a text.
 */
export function checkSignature(format: FileFormat, firstBytes: Buffer, file: string, encoding?: string): void {
  if (format.matchesSignature(firstBytes) || isWideText(firstBytes, encoding)) return;
  const found = describeFirstBytes(firstBytes);
  throw new SluiceError(
    'FORMAT_MISMATCH',
    `${file} is declared as ${format.name}, but its content looks like ${found}. ` + adviceForFirstBytes(firstBytes),
    { details: { file, format: format.name, found } },
  );
}

type FetchedFiles = Pick<Source, 'path' | 'parts' | 'sha256' | 'sizeBytes'>;

async function fetchObjects(
  key: string,
  declared: ManifestFile,
  format: FileFormat,
  { objects, env, folder, signal }: FetchContext,
): Promise<FetchedFiles> {
  const siblings = hasParts(format) ? await keysWithStem(key, { objects, env }) : [];
  const parts = filePartsOf(format, key, siblings, declared.path);
  const stem = join(folder, stemOf(localName(key)));
  const downloads = await settleAll(
    parts.map(async (part) => {
      const path = `${stem}${localEnding(part, format, key)}`;
      const limit = part.name === key ? undefined : maxPartBytes(part.extension);
      const maxBytes = Math.min(limit ?? Infinity, env.MAX_FILE_BYTES);
      const { sha256, size } = await objects
        .download(env.LANDING_BUCKET, part.name, path, { maxBytes, signal })
        .catch((thrown: unknown) => {
          if (limit === undefined || asSluiceError(thrown).code !== 'FILE_TOO_LARGE') throw thrown;
          throw partTooLarge(part.extension, declared.path, limit);
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

/**
 * What follows the stem in the local name of a part. GDAL drivers expect a lower-case extension of their format, so the
 * main file gets one.
 */
function localEnding({ name, extension }: SourcePart, format: FileFormat, main: string): string {
  const isAttached = attachedEnding(format, main, name) !== undefined;
  if (name !== main && !isAttached) return extension;
  const mainExtension = hasExtension(format, main) ? extensionOf(main) : (format.extensions[0] ?? '');
  return isAttached ? `${mainExtension}${extension}` : mainExtension;
}

async function keysWithStem(key: string, { objects, env }: Pick<Context, 'objects' | 'env'>): Promise<string[]> {
  const keys: string[] = [];
  for await (const object of objects.list(env.LANDING_BUCKET, `${stemOf(key)}.`)) keys.push(object.key);
  return keys;
}

async function fetchArchive(
  key: string,
  declared: ManifestFile,
  format: FileFormat,
  { objects, env, folder, signal }: FetchContext,
): Promise<FetchedFiles> {
  const archive = join(folder, 'archive');
  const { sha256, size } = await objects.download(env.LANDING_BUCKET, key, archive, {
    maxBytes: env.MAX_FILE_BYTES,
    signal,
  });
  const unpacked = await unpackDataset(archive, declared, format, {
    folder: join(folder, 'unpacked'),
    maxBytes: env.MAX_FILE_BYTES,
    signal,
  });
  await rm(archive);
  return { ...unpacked, sha256, sizeBytes: size };
}

/** Unpacks the files of the one dataset of the format in an archive. */
function unpackDataset(
  archive: string,
  declared: ManifestFile,
  format: FileFormat,
  { folder, maxBytes, signal }: { folder: string; maxBytes: number; signal: AbortSignal },
): Promise<Pick<Source, 'path' | 'parts'>> {
  return withZipArchive(archive, declared.path, { maxBytes }, async (members, unpack) => {
    const byName = new Map<string, ZipMember>(members.map((member) => [member.name, member]));
    const names = [...byName.keys()];
    const main = datasetInZip(format, names, declared.layer, declared.path);
    const parts = filePartsOf(format, main, names, declared.path);
    const paths: string[] = [];
    for (const part of parts) {
      const member = byName.get(part.name);
      if (member === undefined) continue;
      const limit = part.name === main ? undefined : maxPartBytes(part.extension);
      if (limit !== undefined && member.size > limit) throw partTooLarge(part.extension, declared.path, limit);
      const target = memberPath(folder, `${stemOf(main)}${localEnding(part, format, main)}`);
      await unpack(member, target, signal);
      paths.push(target);
    }
    return { path: paths[0] ?? archive, parts: parts.map((part) => part.extension) };
  });
}

/** The hash of a single object. For several, a hash over names and hashes, regardless of their order. */
function hashOfParts(parts: { name: string; sha256: string }[]): string {
  if (parts.length === 1 && parts[0] !== undefined) return parts[0].sha256;
  const lines = parts.map((part) => `${part.name}\0${part.sha256}\n`).sort();
  return createHash('sha256').update(lines.join('')).digest('hex');
}

/**
 * The object key in `s3://BUCKET/KEY`. validate-manifest has checked the paths of a run; this check covers events that
 * another program published. Throws FILE_OUTSIDE_LANDING_ZONE.
 */
function objectKeyOf(path: string, bucket: string): string {
  const prefix = `s3://${bucket}/`;
  const key = path.slice(prefix.length);
  if (path.startsWith(prefix) && key !== '') return key;
  throw new SluiceError(
    'FILE_OUTSIDE_LANDING_ZONE',
    `${JSON.stringify(path)} does not name an object of ${bucket}. Name the file as ${prefix}KEY.`,
    { details: { file: path } },
  );
}
