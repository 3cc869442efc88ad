import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describeBeginning } from '#shared/formats/first-bytes.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';
import { checkBeginning, fetchSource, type FetchSurroundings, type Source } from '#shared/landing/fetch-source.ts';
import { type TableFormat, tableFormat } from '#shared/formats/table-formats.ts';

/** Downloads under way at once: enough to hide the latency of a store. */
const PARALLEL_DOWNLOADS = 4;

/** A fetched file, alone in its folder. */
export interface FetchedTable {
  source: Source<TableFormat>;
  folder: string;
}

/** Downloads the files of the manifest, each into a folder of its own, in their order. Throws FORMAT_NOT_SUPPORTED, FORMAT_MISMATCH, and what fetchSource does. */
export async function fetchTables(
  files: readonly ManifestFile[],
  surroundings: FetchSurroundings,
): Promise<FetchedTable[]> {
  const fetched: FetchedTable[] = [];
  const waiting = files.entries(); // Shared by the workers: each file is taken once.
  const work = async () => {
    for (const [index, declared] of waiting) {
      const folder = join(surroundings.folder, String(index));
      await mkdir(folder);
      fetched[index] = { folder, source: await fetchTable(declared, { ...surroundings, folder }) };
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL_DOWNLOADS, files.length) }, work));
  return fetched;
}

function fetchTable(declared: ManifestFile, surroundings: FetchSurroundings): Promise<Source<TableFormat>> {
  return fetchSource(
    declared,
    tableFormat(declared.format, declared.path),
    ({ file, format }, head) => {
      const isWide = /^utf-?(16|32)/i.test(declared.encoding ?? ''); // Half of its bytes are 0, as in no other text.
      if (!(isWide && describeBeginning(head) === 'binary data')) checkBeginning(format, head, file);
    },
    surroundings,
  );
}
