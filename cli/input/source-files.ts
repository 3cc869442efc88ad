import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { openPromise } from 'yauzl';
import { extensionOf } from '#shared/landing/source-parts.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type FileFormat, isZipArchive } from '#shared/formats/format-list.ts';
import { RASTER_FORMATS, RASTER_FORMAT_LIST } from '#shared/formats/raster-formats.ts';
import { TABLE_FORMATS, tableFormatOfName, TABLE_FORMAT_LIST } from '#shared/formats/table-formats.ts';
import { VECTOR_FORMATS, VECTOR_FORMAT_LIST, vectorFormat } from '#shared/formats/vector-formats.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';
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
  if (isZipArchive(path) || known === undefined || known.type === 'tabular') return [];
  const { required, optional, attached = [] } = known.format;
  const stem = basename(path, extname(path)).toLowerCase();
  // `roads.shp.xml` is metadata from ArcGIS, not GML.
  const names = new Set([
    ...[...required, ...optional].map((extension) => `${stem}${extension}`),
    ...attached.map((ending) => `${basename(path).toLowerCase()}${ending}`),
    `${basename(path).toLowerCase()}.xml`,
  ]);
  return (await readdir(dirname(path)))
    .filter((candidate) => names.has(candidate.toLowerCase()) && candidate !== basename(path))
    .map((candidate) => join(dirname(path), candidate));
}

type FileType = ManifestFile['type'];

interface GuessedFormat {
  /** A format name of the manifest. */
  format: string;
  type: FileType;
}

/** Archives with a fixed format. */
const FORMAT_OF_ARCHIVE: Record<string, GuessedFormat> = {
  '.kmz': { format: 'KMZ', type: 'vector' },
  '.shz': { format: 'ESRI Shapefile', type: 'vector' },
};

/** Files with these extensions are tables by default. `.csv` and `.jsonl` files more often contain points. */
const TABLE_EXTENSIONS = ['.tsv', '.xlsx', '.xlsm', '.ods', '.gz'];

/** Extensions of documentation, metadata and previews. In an archive they are used only when nothing else is found. */
const AMBIGUOUS_EXTENSIONS = ['.txt', '.xml', '.json', '.png', '.jpg', '.jpeg'];

/** What to do with a file of a format that Sluice does not read. */
const CONVERSIONS: Record<string, string> = {
  '.xls': 'Save the workbook as .xlsx.',
  '.xlsb': 'Save the workbook as .xlsx.',
  '.hgt': 'Convert it to GeoTIFF: gdal_translate FILE.hgt FILE.tif.',
  '.vrt': 'Convert it to GeoTIFF: gdal_translate FILE.vrt FILE.tif.',
  '.dxf': 'Convert it to a GeoPackage: ogr2ogr FILE.gpkg FILE.dxf.',
  '.gdb': 'Convert it to a GeoPackage: ogr2ogr FILE.gpkg FILE.gdb.',
  '.gdbtable': 'Convert the folder .gdb to a GeoPackage: ogr2ogr FILE.gpkg FILE.gdb.',
  '.parquet': 'Convert it to a GeoPackage or CSV file.',
  '.rar': 'Create a .zip archive.',
  '.7z': 'Create a .zip archive.',
  '.tar': 'Create a .zip archive.',
};

/** Members of an archive that a message lists. */
const LISTED_MEMBERS = 5;

/** The format of a damaged archive. The run then reports the problem with the archive. */
const DEFAULT_IN_ZIP: GuessedFormat = { format: 'ESRI Shapefile', type: 'vector' };

const DEFAULT_TABLE_IN_ZIP: GuessedFormat = { format: 'CSV', type: 'tabular' };

/**
 * Derives the format of a file from its name, or of a .zip from the names of its members. `type` limits the formats.
 * Throws FORMAT_NOT_SUPPORTED, and REQUEST_INVALID when several formats match.
 */
export async function guessFormat(path: string, type?: FileType): Promise<GuessedFormat> {
  const name = basename(path).toLowerCase();
  if (name.endsWith('.zip')) {
    const names = await memberNames(path);
    const guess = guessFromMembers(path, names, type);
    if (guess !== undefined) return guess;
    if (names.length > 0) throw unknownMembers(path, names);
    return type === 'tabular' ? DEFAULT_TABLE_IN_ZIP : DEFAULT_IN_ZIP;
  }
  const guess = guessFromName(name, type);
  if (guess !== undefined) return guess;
  const known = (type === 'tabular' ? TABLE_FORMATS : [...VECTOR_FORMATS, ...RASTER_FORMATS])
    .map(({ extensions }) => extensions[0])
    .join(' ');
  throw new SluiceError(
    'FORMAT_NOT_SUPPORTED',
    `The file name ${path} has no extension of a supported format (${known} .zip …). ` +
      (CONVERSIONS[extensionOf(name)] ?? 'Set --format.'),
    { details: { file: path } },
  );
}

function unknownMembers(path: string, names: string[]): SluiceError {
  const listed = names.filter((name) => !name.endsWith('/')).slice(0, LISTED_MEMBERS);
  const conversion = listed.map((name) => CONVERSIONS[extensionOf(name)]).find((each) => each !== undefined);
  return new SluiceError(
    'FORMAT_NOT_SUPPORTED',
    `${path} contains no file of a supported format. It contains ${listed.join(', ')}` +
      `${names.length > listed.length ? ', …' : ''}. ${conversion ?? 'Set --format.'}`,
    { details: { file: path, members: listed } },
  );
}

/** The first format with the extension of the name, and of `type` when it is set; undefined when there is none. */
export function guessFromName(name: string, type?: FileType): GuessedFormat | undefined {
  const extension = extensionOf(name);
  const table =
    type === 'tabular' || (type === undefined && TABLE_EXTENSIONS.includes(extension))
      ? tableFormatOfName(name)
      : undefined;
  if (table !== undefined || type === 'tabular') return table && { format: table.name, type: 'tabular' };
  const archive = FORMAT_OF_ARCHIVE[extension];
  if (archive) return archive;
  const [vector, raster] = [VECTOR_FORMAT_LIST.ofExtension(extension), RASTER_FORMAT_LIST.ofExtension(extension)];
  if (vector !== undefined) return { format: vector.name, type: 'vector' };
  return raster && { format: raster.name, type: 'raster' };
}

/** The format with a name of the manifest, of `type` when it is set; undefined when there is none. */
function namedFormat(name: string, path: string, type?: FileType): { format: FileFormat; type: FileType } | undefined {
  if (type === 'tabular') return tabular(name);
  if (VECTOR_FORMAT_LIST.find(name) !== undefined) return { format: vectorFormat(name, path), type: 'vector' };
  const raster = RASTER_FORMAT_LIST.find(name);
  return raster === undefined ? tabular(name) : { format: raster, type: 'raster' };
}

function tabular(name: string): { format: FileFormat; type: FileType } | undefined {
  const format = TABLE_FORMAT_LIST.find(name);
  return format && { format, type: 'tabular' };
}

/** The format of the datasets in an archive. `roads.shp.xml` and `roads.png` beside `roads.shp` are not datasets. */
export function guessFromMembers(path: string, names: string[], type?: FileType): GuessedFormat | undefined {
  const members = names.filter((name) => !name.endsWith('/') && !/(^|\/)(__MACOSX\/|\._)/.test(name));
  const unambiguous = distinct(
    members
      .filter((name) => !AMBIGUOUS_EXTENSIONS.includes(extensionOf(name)))
      .map((name) => guessFromName(name, type)),
  );
  const found = unambiguous.length > 0 ? unambiguous : distinct(members.map((name) => guessFromName(name, type)));
  if (found.length > 1) {
    throw new SluiceError(
      'REQUEST_INVALID',
      `${path} contains several formats (${found.map(({ format }) => format).join(', ')}). Set --format to one.`,
      { details: { file: path } },
    );
  }
  return found[0];
}

function distinct(guesses: (GuessedFormat | undefined)[]): GuessedFormat[] {
  return [...new Map(guesses.filter((guess) => guess !== undefined).map((guess) => [guess.format, guess])).values()];
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
