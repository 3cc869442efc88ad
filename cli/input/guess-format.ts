import { basename } from 'node:path';
import { openPromise } from 'yauzl';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { VECTOR_FORMATS, VECTOR_TABLE, vectorFormat } from '#shared/formats/vector-formats.ts';
import type { FileFormat } from '#shared/formats/format-table.ts';
import { RASTER_FORMATS, RASTER_TABLE } from '#shared/formats/raster-formats.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';
import { TABLE_FORMATS, tableFormatOfName, TABULAR_TABLE } from '#shared/formats/table-formats.ts';

type FileType = ManifestFile['type'];

export interface GuessedFormat {
  /** As a manifest names it. */
  format: string;
  type: FileType;
}

/** Archives that hold one format only, whatever is in them. */
const SPECIAL_ARCHIVES: Record<string, GuessedFormat> = {
  '.kmz': { format: 'KMZ', type: 'vector' },
  '.shz': { format: 'ESRI Shapefile', type: 'vector' },
};

/** Seen without a type, these are tables; `.csv` and `.jsonl` are more often points. */
const TABLE_EXTENSIONS = ['.tsv', '.xlsx', '.xlsm', '.ods', '.gz'];

/** Extensions that much else has: a readme, metadata, a preview. In an archive they count only when nothing else is found. */
const WEAK_EXTENSIONS = ['.txt', '.xml', '.json', '.png', '.jpg', '.jpeg'];

/** What most zip archives of spatial data hold. For one in which nothing is recognized, so that the run says what is wrong with it. */
const USUAL_IN_ZIP: GuessedFormat = { format: 'ESRI Shapefile', type: 'vector' };

/** The same for a table. */
const USUAL_TABLE_IN_ZIP: GuessedFormat = { format: 'CSV', type: 'tabular' };

/** The format of a file by its name; a .zip by the names in it. `type` is that of the files, when it is known. Throws FORMAT_NOT_SUPPORTED, and REQUEST_INVALID when several fit. */
export async function guessFormat(path: string, type?: FileType): Promise<GuessedFormat> {
  const name = basename(path).toLowerCase();
  if (name.endsWith('.zip'))
    return (
      guessFromMembers(path, await memberNames(path), type) ?? (type === 'tabular' ? USUAL_TABLE_IN_ZIP : USUAL_IN_ZIP)
    );
  const guess = guessFromName(name, type);
  if (guess !== undefined) return guess;
  const known = (type === 'tabular' ? TABLE_FORMATS : [...VECTOR_FORMATS, ...RASTER_FORMATS])
    .map(({ extensions }) => extensions[0])
    .join(' ');
  throw new SluiceError(
    'FORMAT_NOT_SUPPORTED',
    `The name of ${path} tells no format that Sluice knows (${known} .zip …). Name it with --format.`,
    { details: { file: path } },
  );
}

/** By extension; undefined when no format has it. Where several do, the first that reads it, and of several types `type`. */
export function guessFromName(name: string, type?: FileType): GuessedFormat | undefined {
  const extension = extensionOf(name);
  const table =
    type === 'tabular' || (type === undefined && TABLE_EXTENSIONS.includes(extension))
      ? tableFormatOfName(name)
      : undefined;
  if (table !== undefined || type === 'tabular') return table && { format: table.name, type: 'tabular' };
  const special = SPECIAL_ARCHIVES[extension];
  if (special) return special;
  const [vector, raster] = [VECTOR_TABLE.ofExtension(extension), RASTER_TABLE.ofExtension(extension)];
  if (vector !== undefined) return { format: vector.name, type: 'vector' };
  return raster && { format: raster.name, type: 'raster' };
}

/** A format by a name that a manifest may say, with its type, where several have it `type`; undefined for others. */
export function namedFormat(
  name: string,
  path: string,
  type?: FileType,
): { format: FileFormat; type: FileType } | undefined {
  if (type === 'tabular') return tabular(name);
  if (VECTOR_TABLE.find(name) !== undefined) return { format: vectorFormat(name, path), type: 'vector' };
  const raster = RASTER_TABLE.find(name);
  return raster === undefined ? tabular(name) : { format: raster, type: 'raster' };
}

function tabular(name: string): { format: FileFormat; type: FileType } | undefined {
  const format = TABULAR_TABLE.find(name);
  return format && { format, type: 'tabular' };
}

/** By what lies in an archive: `roads.shp.xml` and `roads.png` beside `roads.shp` are no dataset. */
export function guessFromMembers(path: string, names: string[], type?: FileType): GuessedFormat | undefined {
  const members = names.filter((name) => !name.endsWith('/') && !/(^|\/)(__MACOSX\/|\._)/.test(name));
  const telling = distinct(
    members.filter((name) => !WEAK_EXTENSIONS.includes(extensionOf(name))).map((name) => guessFromName(name, type)),
  );
  const found = telling.length > 0 ? telling : distinct(members.map((name) => guessFromName(name, type)));
  if (found.length > 1) {
    throw new SluiceError(
      'REQUEST_INVALID',
      `${path} holds several formats (${found.map(({ format }) => format).join(', ')}). Name one with --format.`,
      { details: { file: path } },
    );
  }
  return found[0];
}

/** In lower case, with the dot; empty when there is none. */
function extensionOf(name: string): string {
  return /\.[^.]+$/.exec(name.toLowerCase())?.[0] ?? '';
}

function distinct(guesses: (GuessedFormat | undefined)[]): GuessedFormat[] {
  return [...new Map(guesses.filter((guess) => guess !== undefined).map((guess) => [guess.format, guess])).values()];
}

/** Names in the central directory; none when it cannot be read: what is wrong with the archive is for the run to say. */
async function memberNames(path: string): Promise<string[]> {
  const names: string[] = [];
  try {
    const zip = await openPromise(path, { lazyEntries: true, strictFileNames: false });
    for await (const entry of zip.eachEntry()) names.push(entry.fileName);
  } catch {
    return [];
  }
  return names;
}
