import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { isArchive } from '#shared/formats/format-table.ts';
import { type GuessedFormat, guessFormat, guessFromName, namedFormat } from './guess-format.ts';

/** A file to ingest, with the files of the same name that belong to it (`.dbf`, `.prj` of a shapefile). */
export interface SourceFile extends GuessedFormat {
  /** Absolute. */
  path: string;
  /** The file and all that belongs to it, with sizes in bytes. */
  parts: FilePart[];
}

export interface FilePart {
  path: string;
  size: number;
}

/**
 * The datasets that a person named; files that belong to another one of them (`ingest roads.*`) are no dataset of their own.
 * `given` wins over what names tell. Throws REQUEST_INVALID for a file that is not there, FORMAT_NOT_SUPPORTED.
 */
export async function findSourceFiles(paths: string[], given: Partial<GuessedFormat>): Promise<SourceFile[]> {
  const sizes = new Map<string, number>();
  for (const path of paths) sizes.set(resolve(path), await sizeOf(path));
  const sides = new Map<string, string[]>();
  for (const path of sizes.keys()) sides.set(path, await sideFilesOf(path, given));
  const belonging = new Set([...sides.values()].flat());
  const files: SourceFile[] = [];
  for (const path of [...sizes.keys()].filter((candidate) => !belonging.has(candidate))) {
    const { format, type } =
      given.format === undefined
        ? await guessFormat(path, given.type)
        : {
            format: given.format,
            type: namedFormat(given.format, path, given.type)?.type ?? guessFromName(path)?.type ?? 'vector',
          };
    const parts = await Promise.all(
      [path, ...(sides.get(path) ?? [])].map(async (part) => ({ path: part, size: await sizeOf(part) })),
    );
    files.push({ path, format, type: given.type ?? type, parts });
  }
  return files;
}

async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    const reason =
      cause.code === 'ENOENT'
        ? 'There is no file'
        : cause.code === 'EACCES'
          ? 'There is no permission to read'
          : `${cause.code} for`;
    throw new SluiceError('REQUEST_INVALID', `${reason} ${path}.`, { cause, details: { file: path } });
  });
  if (!found.isFile())
    throw new SluiceError('REQUEST_INVALID', `${path} is not a file. Name the files in it.`, {
      details: { file: path },
    });
  return found.size;
}

/** Files beside a file that belong to it. The case of names and extensions does not matter (`ROADS.DBF`). */
async function sideFilesOf(path: string, { format, type }: Partial<GuessedFormat>): Promise<string[]> {
  const name = format ?? guessFromName(path, type)?.format;
  const known = name === undefined ? undefined : namedFormat(name, path, type);
  if (isArchive(path) || known === undefined || known.type === 'tabular') return [];
  const { required, optional } = known.format;
  const stem = basename(path, extname(path)).toLowerCase();
  // `roads.shp.xml` is metadata that ArcGIS writes, and no GML.
  const names = new Set([
    ...[...required, ...optional].map((extension) => `${stem}${extension}`),
    `${basename(path).toLowerCase()}.xml`,
  ]);
  return (await readdir(dirname(path)))
    .filter((candidate) => names.has(candidate.toLowerCase()) && candidate !== basename(path))
    .map((candidate) => join(dirname(path), candidate));
}
