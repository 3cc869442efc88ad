import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { openPromise } from 'yauzl';
import type { FileType } from '#shared/contracts/lanes.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import {
  type GuessedFormat,
  guessFormat,
  guessFromName,
  indexFolder,
  namedFormat,
  partNames,
} from '#shared/landing/guess-format.ts';
import { ignoreError } from '#shared/streams/file-streams.ts';

/** A file to ingest, with its parts: files with the same name, such as `.dbf` and `.prj` of a shapefile. */
export interface LocalFile extends GuessedFormat {
  /** Absolute path. */
  path: string;
  /** The file and its parts. */
  parts: FilePart[];
}

export interface FilePart {
  path: string;
  /** In bytes. */
  size: number;
}

/**
 * Finds the files to ingest. A path that is a part of another one (`ingest roads.*`) is not a separate file. `declared`
 * takes precedence over the file names. Throws REQUEST_INVALID for a missing file, and FORMAT_NOT_SUPPORTED.
 */
export async function findSourceFiles(paths: string[], declared: Partial<GuessedFormat>): Promise<LocalFile[]> {
  const sizes = new Map<string, number>();
  for (const path of paths) sizes.set(resolve(path), await sizeOf(path));
  const parts = new Map<string, string[]>();
  for (const path of sizes.keys()) parts.set(path, await partsOf(path, declared));
  const allParts = new Set([...parts.values()].flat());
  const files: LocalFile[] = [];
  for (const path of [...sizes.keys()].filter((candidate) => !allParts.has(candidate))) {
    const { format, type } = await formatOf(path, declared);
    const members = await Promise.all(
      [path, ...(parts.get(path) ?? [])].map(async (part) => ({ path: part, size: await sizeOf(part) })),
    );
    files.push({ path, format, type: declared.type ?? type, parts: members });
  }
  return files;
}

async function formatOf(path: string, { format, type }: Partial<GuessedFormat>): Promise<GuessedFormat> {
  if (format === undefined) return guessFileFormat(path, type);
  return { format, type: namedFormat(format, path, type)?.type ?? guessFromName(path)?.type ?? 'vector' };
}

async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    const reasons: Record<string, string> = { ENOENT: 'does not exist', EACCES: 'may not be read by this user' };
    const problem = reasons[cause.code ?? ''] ?? `cannot be read (${cause.code})`;
    throw new SluiceError('REQUEST_INVALID', `${path} ${problem}.`, { cause, details: { file: path } });
  });
  if (!found.isFile())
    throw new SluiceError('REQUEST_INVALID', `${path} is not a file. List the files of the folder instead.`, {
      details: { file: path },
    });
  return found.size;
}

/** The parts of a file in its folder. */
async function partsOf(path: string, declared: Partial<GuessedFormat>): Promise<string[]> {
  const parts = partNames(basename(path), indexFolder(await readdir(dirname(path))), declared);
  return parts.map((name) => join(dirname(path), name));
}

/** As guessFormat, for a file on this machine. */
export async function guessFileFormat(path: string, type?: FileType): Promise<GuessedFormat> {
  const members = path.toLowerCase().endsWith('.zip') ? await memberNames(path) : [];
  return guessFormat(path, { type, option: '--format', members });
}

/** The names in the central directory. Empty for a damaged archive, because the run reports the damage. */
async function memberNames(path: string): Promise<string[]> {
  const names: string[] = [];
  try {
    const zip = await openPromise(path, { lazyEntries: true, strictFileNames: false });
    zip.on('error', ignoreError); // The iterator throws the same error.
    for await (const entry of zip.eachEntry()) names.push(entry.fileName);
  } catch {
    return [];
  }
  return names;
}
