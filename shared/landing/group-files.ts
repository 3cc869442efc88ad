import type { FileType } from '#shared/contracts/lanes.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { isZipArchive } from '#shared/formats/format-list.ts';
import { DATASET_ID } from '#shared/manifest/manifest.ts';
import { trimEndOf } from '#shared/text/truncate.ts';
import { type GuessedFormat, guessFormat, guessFromName, indexFolder, namedFormat, partNames } from './guess-format.ts';
import { filePartsOf, stemOf } from './source-parts.ts';

/** A file that a user offers for upload, known by its name only. */
export interface OfferedFile {
  /** The name, with the folders of the user that contain it, separated by `/`. */
  path: string;
  /** The names in an archive. */
  members?: readonly string[] | undefined;
  /** What the user declares in place of what the name means. */
  format?: string | undefined;
  type?: FileType | undefined;
}

/** A dataset file with the files that belong to it. */
export interface FileGroup {
  path: string;
  /** Null when the name means no supported format. */
  format: string | null;
  type: FileType | null;
  /** The paths of the file and its parts. */
  parts: string[];
  /** Why the file cannot be ingested as it is. */
  problem: { code: string; message: string } | null;
}

/** Where the user sets the format, for messages. */
const OPTION = 'the format';

/**
 * Groups files by dataset, as `sluice ingest` does: a file that is a part of another one in its folder belongs to it.
 * Problems name the files, and are not thrown.
 */
export function groupFiles(files: readonly OfferedFile[]): FileGroup[] {
  const folders = Map.groupBy(files, ({ path }) => folderOf(path));
  return [...folders].flatMap(([folder, members]) => {
    const index = indexFolder(members.map(({ path }) => nameOf(path)));
    const partsByFile = new Map(members.map((file) => [file, partNames(nameOf(file.path), index, file)]));
    const allParts = new Set([...partsByFile.values()].flat());
    return [...partsByFile]
      .filter(([{ path }]) => !allParts.has(nameOf(path)))
      .map(([file, parts]) => describeGroup(file, parts, folder));
  });
}

function describeGroup(file: OfferedFile, parts: readonly string[], folder: string): FileGroup {
  const group = { path: file.path, parts: [file.path, ...parts.map((name) => folder + name)] };
  let guessed: GuessedFormat | undefined;
  try {
    guessed = formatOf(file);
    checkParts(nameOf(file.path), parts, guessed);
    return { ...group, ...guessed, problem: null };
  } catch (thrown) {
    if (!(thrown instanceof SluiceError)) throw thrown;
    const { code, message } = thrown;
    return { ...group, format: guessed?.format ?? null, type: guessed?.type ?? null, problem: { code, message } };
  }
}

function formatOf({ path, members = [], format, type }: OfferedFile): GuessedFormat {
  if (format === undefined) return guessFormat(nameOf(path), { type, option: OPTION, members });
  return { format, type: namedFormat(format, path, type)?.type ?? type ?? guessFromName(path)?.type ?? 'vector' };
}

/** Throws FILE_INCOMPLETE when a part is missing that the format requires. */
function checkParts(name: string, parts: readonly string[], { format, type }: GuessedFormat): void {
  const known = namedFormat(format, name, type);
  if (known !== undefined && !isZipArchive(name)) filePartsOf(known.format, name, parts, name);
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** A valid dataset id made from the name of a file; null when nothing of the name is left. */
export function proposeDatasetId(path: string): string | null {
  const words = stemOf(nameOf(path))
    .normalize('NFC')
    .replaceAll(/[^\p{L}\p{N}._-]+/gu, '_')
    .replace(/^[^\p{L}\p{N}]+/u, '');
  const id = trimEndOf(words, '_');
  return DATASET_ID.safeParse(id).success ? id : null;
}
