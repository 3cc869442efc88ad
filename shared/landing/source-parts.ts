import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type FileFormat, hasExtension } from '#shared/formats/format-list.ts';
import { listNames } from '#shared/text/list-names.ts';

/**
 * The files of one dataset: for example, a shapefile has several files that share a stem. Extensions match in any case.
 */

/** One file of a dataset. */
export interface SourcePart {
  /** An object key, or a name in an archive. */
  name: string;
  /** Lower case, with the dot. For an attached file, the text after the name of the main file. */
  extension: string;
}

/**
 * Limits for parts that GDAL or Sluice reads as a whole, in bytes: the text of a CRS, an encoding, a georeference or a
 * header has a few kilobytes, and a schema a few hundred. An .aux.xml can hold a table.
 */
const PART_LIMITS: [extension: RegExp, maxBytes: number][] = [
  [/^\.(?:prj|cpg|cst|hdr|clr|wld|\w{1,4}w)$/, 2 ** 16],
  [/^\.(?:xsd|aux\.xml)$/, 2 ** 24],
];

/** The size limit of a part that is read as a whole, in bytes; undefined for other parts. */
export function maxPartBytes(extension: string): number | undefined {
  return PART_LIMITS.find(([pattern]) => pattern.test(extension))?.[1];
}

/** The error for a part that exceeds maxPartBytes. `file` is the path in the manifest. */
export function partTooLarge(extension: string, file: string, limit: number): SluiceError {
  return new SluiceError(
    'FILE_TOO_LARGE',
    `The ${extension} file of ${file} has more than ${limit} bytes. Remove it, or export the dataset again.`,
    { details: { file, part: extension, limit } },
  );
}

/** Member names that an error message and its details list. */
const LISTED_MEMBERS = 20;

/** The name without its extension. All parts of a dataset have the same stem. */
export function stemOf(name: string): string {
  const dot = name.lastIndexOf('.');
  return dot > name.lastIndexOf('/') + 1 ? name.slice(0, dot) : name;
}

/** The extension in lower case, with the dot; empty when there is none. */
export function extensionOf(name: string): string {
  return name.slice(stemOf(name).length).toLowerCase();
}

/** The name without folders and extension. */
function baseNameOf(name: string): string {
  return stemOf(name).split('/').at(-1) ?? name;
}

/** True when a dataset of the format can have more than one file. */
export function hasParts({ required, optional, attached = [] }: FileFormat): boolean {
  return required.length + optional.length + attached.length > 0;
}

/** The ending of a file that is attached to `main`, in lower case; undefined for other files. */
export function attachedEnding({ attached = [] }: FileFormat, main: string, name: string): string | undefined {
  const ending = name.slice(main.length).toLowerCase();
  return name.startsWith(main) && attached.includes(ending) ? ending : undefined;
}

/**
 * The files of a dataset: `main` first, then those of `names` that belong to it. Throws FILE_INCOMPLETE with the
 * missing extensions. `file` is the path in the manifest, for the message.
 */
export function filePartsOf(format: FileFormat, main: string, names: readonly string[], file: string): SourcePart[] {
  const stem = stemOf(main);
  const wanted = new Set([...format.required, ...format.optional]);
  const parts = new Map<string, string>();
  for (const name of [...names].sort()) {
    const isPart = stemOf(name) === stem && wanted.has(extensionOf(name));
    const extension = isPart ? extensionOf(name) : attachedEnding(format, main, name);
    if (extension !== undefined && !parts.has(extension)) parts.set(extension, name);
  }
  const missing = format.required.filter((extension) => !parts.has(extension));
  if (missing.length > 0) {
    const needed = [format.extensions[0], ...format.required].join(', ');
    throw new SluiceError(
      'FILE_INCOMPLETE',
      `${file} lacks ${missing.join(' and ')}. The format ${format.name} requires ${needed} with the same name.`,
      { details: { file, missing } },
    );
  }
  return [
    { name: main, extension: extensionOf(main) },
    ...[...parts].map(([extension, name]) => ({ name, extension })),
  ];
}

/**
 * The main file of the one dataset of the format in an archive. With several datasets, and for a format of one layer,
 * `layer` selects one by its name. Throws ARCHIVE_AMBIGUOUS with the names when there is no dataset or no unique one,
 * and LAYER_MISSING when the only dataset has another name.
 */
export function datasetInZip(
  format: FileFormat,
  names: readonly string[],
  layer: string | undefined,
  file: string,
): string {
  const members = names.filter((name) => !isSystemFile(name));
  const candidates = members.filter((name) => hasExtension(format, name)).sort();
  const selects = layer !== undefined && (candidates.length > 1 || format.isSingleLayer === true);
  const chosen = selects ? candidates.filter((name) => baseNameOf(name) === layer) : candidates;
  if (chosen.length === 1 && chosen[0] !== undefined) return chosen[0];
  if (candidates.length === 0) throw noDataset(format, members, file);
  if (candidates.length === 1) throw otherDataset(candidates.map(baseNameOf), layer ?? '', file);
  const problem =
    layer === undefined
      ? 'Name one with `layer` in the manifest'
      : `None, or more than one, is named ${JSON.stringify(layer)}`;
  const listed = candidates.slice(0, LISTED_MEMBERS);
  throw new SluiceError(
    'ARCHIVE_AMBIGUOUS',
    `${file} contains ${candidates.length} datasets: ${listNames(candidates, LISTED_MEMBERS)}. ${problem}.`,
    { details: { file, layers: listed.map(baseNameOf), members: listed } },
  );
}

function otherDataset(layers: string[], layer: string, file: string): SluiceError {
  return new SluiceError(
    'LAYER_MISSING',
    `${file} contains the dataset ${JSON.stringify(layers[0])}, but \`layer\` in the manifest is ` +
      `${JSON.stringify(layer)}. Correct or remove \`layer\`.`,
    { details: { file, layer, layers } },
  );
}

function noDataset(format: FileFormat, members: readonly string[], file: string): SluiceError {
  const listed = members.slice(0, LISTED_MEMBERS);
  const content = listed.length === 0 ? 'is empty' : `contains ${listed.join(', ')}`;
  return new SluiceError(
    'ARCHIVE_AMBIGUOUS',
    `${file} contains no ${format.extensions.join(' or ')} file; it ${content}.`,
    { details: { file, members: listed } },
  );
}

/** macOS adds a file `._NAME` with the same extension for every file of an archive. `Thumbs.db` looks like SQLite. */
const SYSTEM_FILE = /(?:^|\/)(?:__MACOSX(?:\/|$)|(?:\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)$)/i;

/** Whether macOS or Windows added a file to an archive. `name` is its name with folders. */
export function isSystemFile(name: string): boolean {
  return SYSTEM_FILE.test(name);
}
