import { SluiceError } from '#shared/errors/sluice-error.ts';

/** A file format as the lanes know it: what a manifest may say, and which files belong to a dataset of it. */
export interface FileFormat {
  /** What `format` in a manifest says: GDAL's name of the driver, where a driver reads it. */
  name: string;
  /** Other names that are understood; case, spaces and punctuation never matter. */
  aliases: readonly string[];
  /** Lower case, with the dot; the first is the usual one. */
  extensions: readonly string[];
  /** The only GDAL drivers that may open the file. */
  drivers: readonly string[];
  /** Extensions of files of the same name that belong to the dataset. */
  required: readonly string[];
  optional: readonly string[];
  /** True when the first bytes (16 KiB at most) can begin a file of this format. */
  matchesSignature: (head: Buffer) => boolean;
}

/** The formats of a lane, by name. `kind` (`vector`, `raster`) is for messages. */
export class FormatTable<F extends FileFormat> {
  readonly formats: readonly F[];
  #kind: string;
  #byName: Map<string, F>;

  constructor(kind: string, formats: readonly F[]) {
    this.#kind = kind;
    this.formats = formats;
    this.#byName = new Map(
      formats.flatMap((format) => [format.name, ...format.aliases].map((name) => [plain(name), format] as const)),
    );
  }

  /** The format of that name or alias; undefined when there is none. */
  find(name: string): F | undefined {
    return this.#byName.get(plain(name));
  }

  /** The same for the file at `path`. Throws FORMAT_NOT_SUPPORTED. */
  get(name: string, path = ''): F {
    const format = this.find(name);
    if (format !== undefined) return format;
    throw new SluiceError(
      'FORMAT_NOT_SUPPORTED',
      `Sluice does not read the ${this.#kind} format ${JSON.stringify(name)}${path && ` of ${path}`}. It reads ${this.formats.map((known) => known.name).join(', ')}.`,
      { details: { format: name, ...(path && { file: path }) } },
    );
  }

  /** By extension, with the dot; a format whose usual one it is comes first. */
  ofExtension(extension: string): F | undefined {
    const wanted = extension.toLowerCase();
    return (
      this.formats.find(({ extensions }) => extensions[0] === wanted) ??
      this.formats.find(({ extensions }) => extensions.includes(wanted))
    );
  }
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

/** Archives that are opened, whatever the format of what they hold. */
const ARCHIVES = ['.zip', '.shz'];

/** True when the file is an archive to unpack. */
export function isArchive(path: string): boolean {
  return ARCHIVES.some((extension) => path.toLowerCase().endsWith(extension));
}

/** True when the name has an extension of the format. */
export function hasExtension(format: FileFormat, name: string): boolean {
  return format.extensions.some((extension) => name.toLowerCase().endsWith(extension));
}
