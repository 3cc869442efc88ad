import { SluiceError } from '#shared/errors/sluice-error.ts';

/** A file format that a lane accepts: its names in a manifest, its files, its GDAL drivers. */
export interface FileFormat {
  /** The value of `format` in a manifest: the name of the GDAL driver, where a driver reads the format. */
  name: string;
  /** Other accepted names. Case, spaces and punctuation are ignored. */
  aliases: readonly string[];
  /** Lower case, with the dot. The first one is the most common. */
  extensions: readonly string[];
  /** The only GDAL drivers that may open the file. */
  drivers: readonly string[];
  /** Extensions of files with the same stem that the dataset needs. */
  required: readonly string[];
  /** Extensions of files with the same stem that are fetched when they exist. */
  optional: readonly string[];
  /** Endings of files with the whole name of the main file before them, which are fetched when they exist. */
  attached?: readonly string[];
  /** True when a file has one layer without a name. `layer` of the manifest then selects a file of an archive. */
  isSingleLayer?: true;
  /** True when a file of this format can start with these bytes (at most 16 KiB). */
  matchesSignature: (firstBytes: Buffer) => boolean;
}

/** For formats whose dataset is a single file. */
export const SINGLE_FILE = { required: [], optional: [] } as const;

/** The formats of one kind of file, by name and by extension. */
export class FormatList<F extends FileFormat> {
  readonly formats: readonly F[];
  #kind: string;
  #byName: Map<string, F>;

  /** `kind`, such as `vector`, is used in error messages. */
  constructor(kind: string, formats: readonly F[]) {
    this.#kind = kind;
    this.formats = formats;
    this.#byName = new Map(
      formats.flatMap((format) =>
        [format.name, ...format.aliases].map((name) => [normalizeName(name), format] as const),
      ),
    );
  }

  /** The format with this name or alias; undefined when the table has none. */
  find(name: string): F | undefined {
    return this.#byName.get(normalizeName(name));
  }

  /** Like find, for the file at `path`. Throws FORMAT_NOT_SUPPORTED when the table has no such format. */
  get(name: string, path = ''): F {
    const format = this.find(name);
    if (format !== undefined) return format;
    const names = this.formats.map((supported) => supported.name).join(', ');
    throw new SluiceError(
      'FORMAT_NOT_SUPPORTED',
      `The ${this.#kind} format ${JSON.stringify(name)}${path && ` of ${path}`} is not supported. ` +
        `Supported formats: ${names}.`,
      { details: { format: name, ...(path && { file: path }) } },
    );
  }

  /** The format with this extension (with the dot). Formats that list it first are preferred. */
  ofExtension(extension: string): F | undefined {
    const wanted = extension.toLowerCase();
    return (
      this.formats.find(({ extensions }) => extensions[0] === wanted) ??
      this.formats.find(({ extensions }) => extensions.includes(wanted))
    );
  }
}

function normalizeName(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

/** Archives that are unpacked, for every format. */
const ARCHIVE_EXTENSIONS = ['.zip', '.shz'];

/** True when the file is an archive to unpack. */
export function isZipArchive(path: string): boolean {
  return ARCHIVE_EXTENSIONS.some((extension) => path.toLowerCase().endsWith(extension));
}

/** True when the name has an extension of the format. */
export function hasExtension(format: FileFormat, name: string): boolean {
  return format.extensions.some((extension) => name.toLowerCase().endsWith(extension));
}
