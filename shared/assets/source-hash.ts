import { createHash } from 'node:crypto';
import type { SourceFile } from '#shared/contracts/facts.ts';
import type { Manifest } from '#shared/manifest/manifest.ts';

/**
 * SHA-256 over everything that determines the content of an asset: the bytes of the files, the fields of the manifest
 * that control how they are read, and `treatment` (recipe, parameters, version of the exporter). Names of files do not
 * count. Their order counts only with `ordered`. Equal hashes mean that an existing asset can be reused.
 */
export function sourceHashOf(
  manifest: Pick<Manifest, 'files'>,
  files: readonly Pick<SourceFile, 'path' | 'sha256' | 'layer'>[],
  treatment: readonly unknown[],
  options: { ordered?: boolean } = {},
): string {
  const declared = new Map(manifest.files.map(({ path, ...fields }) => [path, sortedEntries(fields)]));
  const read = files.map((file) => JSON.stringify([file.sha256, file.layer, declared.get(file.path) ?? null]));
  return createHash('sha256')
    .update(JSON.stringify([options.ordered ? read : read.sort(), treatment]))
    .digest('hex');
}

/**
 * The fields of an object and of its nested objects, sorted by name, so that their order does not change a hash.
 * Undefined fields are omitted.
 */
export function sortedEntries(fields: object): [string, unknown][] {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return given.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => [name, sortedValue(value)]);
}

function sortedValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedValue);
  return typeof value === 'object' && value !== null ? sortedEntries(value) : value;
}
