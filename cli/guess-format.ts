import { basename } from 'node:path';
import { openPromise } from 'yauzl';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { VECTOR_FORMATS } from '#shared/gdal/formats.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';

type FileType = ManifestFile['type'];

export interface GuessedFormat {
  /** As a manifest names it. */
  format: string;
  type: FileType;
}

/** Archives that hold one format only, whatever is in them. */
const SPECIAL_ARCHIVES: Record<string, GuessedFormat> = { '.kmz': { format: 'KMZ', type: 'vector' }, '.shz': { format: 'ESRI Shapefile', type: 'vector' } };

/** What is neither of the vector formats; the lanes of these types know more formats than are guessed here. */
const OTHER_FORMATS: Record<string, GuessedFormat> = {
  '.tif': { format: 'GTiff', type: 'raster' }, '.tiff': { format: 'GTiff', type: 'raster' }, '.jp2': { format: 'JP2OpenJPEG', type: 'raster' },
  '.xlsx': { format: 'XLSX', type: 'tabular' }, '.parquet': { format: 'Parquet', type: 'tabular' },
};

/** What most zip archives of spatial data hold. For one in which nothing is recognised, so that the run says what is wrong with it. */
const USUAL_IN_ZIP: GuessedFormat = { format: 'ESRI Shapefile', type: 'vector' };

/** The format of a file by its name; a .zip by the names in it. Throws FORMAT_NOT_SUPPORTED, and REQUEST_INVALID when several fit. */
export async function guessFormat(path: string): Promise<GuessedFormat> {
  const name = basename(path).toLowerCase();
  if (name.endsWith('.zip')) return guessFromMembers(path, await memberNames(path)) ?? USUAL_IN_ZIP;
  const guess = guessFromName(name);
  if (guess !== undefined) return guess;
  const known = VECTOR_FORMATS.map(({ extensions }) => extensions[0]).join(' ');
  throw new SluiceError('FORMAT_NOT_SUPPORTED', `The name of ${path} tells no format that Sluice knows (${known} .zip …). Name it with --format.`, { details: { file: path } });
}

/** By extension; undefined when no format has it. Where several do, the first that reads it. */
export function guessFromName(name: string): GuessedFormat | undefined {
  const extension = /\.[^.]+$/.exec(name.toLowerCase())?.[0] ?? '';
  const special = SPECIAL_ARCHIVES[extension] ?? OTHER_FORMATS[extension];
  if (special) return special;
  const format = VECTOR_FORMATS.find(({ extensions }) => extensions[0] === extension) ?? VECTOR_FORMATS.find(({ extensions }) => extensions.includes(extension));
  return format && { format: format.name, type: 'vector' };
}

/** By what lies in an archive. A format's usual extension counts before another one: `roads.shp.xml` beside `roads.shp` is no GML. */
export function guessFromMembers(path: string, names: string[]): GuessedFormat | undefined {
  const members = names.filter((name) => !name.endsWith('/') && !/(^|\/)(__MACOSX\/|\._)/.test(name));
  const usual = distinct(members.map((name) => guessFromName(name)).filter((guess, index) => guess && isUsual(guess, members[index] ?? '')));
  const found = usual.length > 0 ? usual : distinct(members.map((name) => guessFromName(name)));
  if (found.length > 1) {
    throw new SluiceError('REQUEST_INVALID', `${path} holds several formats (${found.map(({ format }) => format).join(', ')}). Name one with --format.`, { details: { file: path } });
  }
  return found[0];
}

function isUsual({ format }: GuessedFormat, name: string): boolean {
  const usual = VECTOR_FORMATS.find((known) => known.name === format)?.extensions[0];
  return usual === undefined || name.toLowerCase().endsWith(usual);
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
