import { createHash } from 'node:crypto';
import type { Manifest } from '#shared/manifest/manifest.ts';
import type { SourceFile } from '#shared/contracts/facts.ts';
import { sortedEntries } from './lake-object.ts';

/**
 * SHA-256 over all that decides the content of an asset: the bytes of the files, how the manifest says to read them, and what is done with
 * them. The names of the files, and their order, do not count, unless `ordered`.
 */
export function sourceHashOf(
  manifest: Pick<Manifest, 'files'>,
  files: readonly Pick<SourceFile, 'path' | 'sha256' | 'layer'>[],
  treatment: readonly unknown[],
  options: { ordered?: boolean } = {},
): string {
  const declared = new Map(manifest.files.map(({ path, ...how }) => [path, sortedEntries(how)]));
  const read = files.map((file) => JSON.stringify([file.sha256, file.layer, declared.get(file.path) ?? null]));
  return createHash('sha256')
    .update(JSON.stringify([options.ordered ? read : read.sort(), treatment]))
    .digest('hex');
}
