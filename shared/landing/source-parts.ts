import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type FileFormat, hasExtension } from '#shared/formats/format-table.ts';

/** Which files make up a dataset: a shapefile is five of them, each with its own extension, in any case. */

/** One file of a dataset, by its name where it lies (an object key, or a name in an archive). */
export interface SourcePart {
  name: string;
  /** Lower case, with the dot. */
  extension: string;
}

/** The name without its extension: what the parts of a dataset share. */
export function stemOf(name: string): string {
  const dot = name.lastIndexOf('.');
  return dot > name.lastIndexOf('/') + 1 ? name.slice(0, dot) : name;
}

/** The extension in lower case, with the dot; empty when there is none. */
export function extensionOf(name: string): string {
  return name.slice(stemOf(name).length).toLowerCase();
}

/** True when a format has more than one file, so that the others must be looked for. */
export function hasParts(format: FileFormat): boolean {
  return format.required.length + format.optional.length > 0;
}

/**
 * The files that belong to `main`, itself first, among the names beside it. Throws FILE_INCOMPLETE naming what is missing.
 * `file` is the name that messages use.
 */
export function partsOf(format: FileFormat, main: string, beside: readonly string[], file: string): SourcePart[] {
  const stem = stemOf(main);
  const wanted = new Set([...format.required, ...format.optional]);
  const parts = new Map<string, string>();
  for (const name of [...beside].sort()) {
    const extension = extensionOf(name);
    if (stemOf(name) === stem && wanted.has(extension) && !parts.has(extension)) parts.set(extension, name);
  }
  const missing = format.required.filter((extension) => !parts.has(extension));
  if (missing.length > 0) {
    throw new SluiceError(
      'FILE_INCOMPLETE',
      `${file} lacks ${missing.join(' and ')}; a dataset of format ${format.name} needs ${[format.extensions[0], ...format.required].join(', ')} of the same name.`,
      {
        details: { file, missing },
      },
    );
  }
  return [
    { name: main, extension: extensionOf(main) },
    ...[...parts].map(([extension, name]) => ({ name, extension })),
  ];
}

/** The one dataset of the format in an archive. Throws ARCHIVE_AMBIGUOUS, with the names, when there is none or several to choose from. */
export function datasetInArchive(
  format: FileFormat,
  names: readonly string[],
  layer: string | undefined,
  file: string,
): string {
  const real = names.filter((name) => !isMacResource(name));
  const candidates = real.filter((name) => hasExtension(format, name)).sort();
  const chosen =
    candidates.length > 1 && layer !== undefined
      ? candidates.filter((name) => stemOf(name).split('/').at(-1) === layer)
      : candidates;
  if (chosen.length === 1 && chosen[0] !== undefined) return chosen[0];
  if (candidates.length === 0) {
    const found = real.slice(0, 20);
    throw new SluiceError(
      'ARCHIVE_AMBIGUOUS',
      `${file} holds no ${format.extensions.join(' or ')} file; it holds ${found.length === 0 ? 'nothing' : found.join(', ')}.`,
      { details: { file, members: found } },
    );
  }
  const layers = candidates.map((name) => stemOf(name).split('/').at(-1) ?? name);
  const what =
    layer === undefined
      ? 'Name one with `layer` in the manifest'
      : `None, or more than one, is named ${JSON.stringify(layer)}`;
  throw new SluiceError(
    'ARCHIVE_AMBIGUOUS',
    `${file} holds ${candidates.length} datasets: ${candidates.join(', ')}. ${what}.`,
    { details: { file, layers, members: candidates } },
  );
}

/** macOS adds a `._name` to each file of an archive, with the same extension. */
function isMacResource(name: string): boolean {
  return name.startsWith('__MACOSX/') || (name.split('/').at(-1) ?? '').startsWith('._');
}
