import type { FileType } from '#shared/contracts/lanes.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type FileFormat, isZipArchive } from '#shared/formats/format-list.ts';
import { RASTER_FORMATS, RASTER_FORMAT_LIST } from '#shared/formats/raster-formats.ts';
import { TABLE_FORMATS, tableFormatOfName, TABLE_FORMAT_LIST } from '#shared/formats/table-formats.ts';
import { VECTOR_FORMATS, VECTOR_FORMAT_LIST, vectorFormat } from '#shared/formats/vector-formats.ts';
import { extensionOf, isSystemFile, stemOf } from './source-parts.ts';

/** Derives the kind, format and parts of a file from names only, for `sluice ingest` and the upload page. */

export interface GuessedFormat {
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

export interface GuessContext {
  /** Limits the formats. */
  type?: FileType | undefined;
  /** Where the user sets the format, for messages: `--format`, or `the format`. */
  option: string;
  /** The names in an archive. Empty for a damaged one. */
  members?: readonly string[];
}

/**
 * Derives the format of a file from its name, or of a .zip from the names of its members. Throws FORMAT_NOT_SUPPORTED,
 * and REQUEST_INVALID when several formats match.
 */
export function guessFormat(path: string, context: GuessContext): GuessedFormat {
  const { type, option, members = [] } = context;
  const name = (path.split(/[/\\]/).at(-1) ?? '').toLowerCase();
  if (name.endsWith('.zip')) {
    const guess = guessFromMembers(path, members, context);
    if (guess !== undefined) return guess;
    if (members.length > 0) throw unknownMembers(path, members, option);
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
      (CONVERSIONS[extensionOf(name)] ?? `Set ${option}.`),
    { details: { file: path } },
  );
}

function unknownMembers(path: string, names: readonly string[], option: string): SluiceError {
  const listed = names.filter((name) => !name.endsWith('/')).slice(0, LISTED_MEMBERS);
  const conversion = listed.map((name) => CONVERSIONS[extensionOf(name)]).find((each) => each !== undefined);
  return new SluiceError(
    'FORMAT_NOT_SUPPORTED',
    `${path} contains no file of a supported format. It contains ${listed.join(', ')}` +
      `${names.length > listed.length ? ', …' : ''}. ${conversion ?? `Set ${option}.`}`,
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
export function namedFormat(
  name: string,
  path: string,
  type?: FileType,
): { format: FileFormat; type: FileType } | undefined {
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
export function guessFromMembers(
  path: string,
  names: readonly string[],
  { type, option }: Pick<GuessContext, 'type' | 'option'>,
): GuessedFormat | undefined {
  const members = names.filter((name) => !name.endsWith('/') && !isSystemFile(name));
  const unambiguous = distinct(
    members
      .filter((name) => !AMBIGUOUS_EXTENSIONS.includes(extensionOf(name)))
      .map((name) => guessFromName(name, type)),
  );
  const found = unambiguous.length > 0 ? unambiguous : distinct(members.map((name) => guessFromName(name, type)));
  if (found.length > 1) {
    throw new SluiceError(
      'REQUEST_INVALID',
      `${path} contains several formats (${found.map(({ format }) => format).join(', ')}). Set ${option} to one.`,
      { details: { file: path } },
    );
  }
  return found[0];
}

function distinct(guesses: (GuessedFormat | undefined)[]): GuessedFormat[] {
  return [...new Map(guesses.filter((guess) => guess !== undefined).map((guess) => [guess.format, guess])).values()];
}

/** The names in a folder by their lower case, with their positions in the folder. */
export type FolderIndex = ReadonlyMap<string, { name: string; position: number }[]>;

export function indexFolder(names: readonly string[]): FolderIndex {
  const entries = [...new Set(names)].map((name, position) => ({ name, position }));
  return Map.groupBy(entries, ({ name }) => name.toLowerCase());
}

/**
 * The names in the folder of a file that are parts of it, in the order of the folder. Names and extensions are compared
 * without case (`ROADS.DBF`).
 */
export function partNames(
  name: string,
  folder: FolderIndex,
  { format: declared, type }: Partial<GuessedFormat>,
): string[] {
  const guessed = declared ?? guessFromName(name, type)?.format;
  const known = guessed === undefined ? undefined : namedFormat(guessed, name, type);
  if (isZipArchive(name) || known === undefined || known.type === 'tabular') return [];
  const { required, optional, attached = [] } = known.format;
  const lower = name.toLowerCase();
  const stem = stemOf(lower);
  // `roads.shp.xml` is metadata from ArcGIS, not GML.
  const wanted = new Set([
    ...[...required, ...optional].map((extension) => `${stem}${extension}`),
    ...attached.map((ending) => `${lower}${ending}`),
    `${lower}.xml`,
  ]);
  return [...wanted]
    .flatMap((candidate) => folder.get(candidate) ?? [])
    .filter((entry) => entry.name !== name)
    .sort((a, b) => a.position - b.position)
    .map((entry) => entry.name);
}
