import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { isArchive } from '#shared/formats/format-table.ts';
import { type GuessedFormat, guessFormat, guessFromName, namedFormat } from './guess-format.ts';

/** A file to ingest, with its parts: files with the same name, such as `.dbf` and `.prj` of a shapefile. */
export interface SourceFile extends GuessedFormat {
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
export async function findSourceFiles(paths: string[], declared: Partial<GuessedFormat>): Promise<SourceFile[]> {
  const sizes = new Map<string, number>();
  for (const path of paths) sizes.set(resolve(path), await sizeOf(path));
  const parts = new Map<string, string[]>();
  for (const path of sizes.keys()) parts.set(path, await partsOf(path, declared));
  const allParts = new Set([...parts.values()].flat());
  const files: SourceFile[] = [];
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
  if (format === undefined) return guessFormat(path, type);
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

/** The parts of a file in its folder. Names and extensions are compared without case (`ROADS.DBF`). */
async function partsOf(path: string, { format, type }: Partial<GuessedFormat>): Promise<string[]> {
  const name = format ?? guessFromName(path, type)?.format;
  const known = name === undefined ? undefined : namedFormat(name, path, type);
  if (isArchive(path) || known === undefined || known.type === 'tabular') return [];
  const { required, optional } = known.format;
  const stem = basename(path, extname(path)).toLowerCase();
  // `roads.shp.xml` is metadata from ArcGIS, not GML.
  const names = new Set([
    ...[...required, ...optional].map((extension) => `${stem}${extension}`),
    `${basename(path).toLowerCase()}.xml`,
  ]);
  return (await readdir(dirname(path)))
    .filter((candidate) => names.has(candidate.toLowerCase()) && candidate !== basename(path))
    .map((candidate) => join(dirname(path), candidate));
}
