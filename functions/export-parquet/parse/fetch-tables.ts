import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { SourceFile } from '#shared/contracts/shared-schemas.ts';
import { type TableFormat, tableFormat } from '#shared/formats/table-formats.ts';
import { checkSignature, type FetchContext, fetchSource, type Source } from '#shared/landing/fetch-source.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';
import { settleAll } from '#shared/signals/promises.ts';

/** Concurrent downloads: enough to hide the latency of the object store. */
const PARALLEL_DOWNLOADS = 4;

/** A downloaded file in its own folder. */
export interface FetchedTable {
  source: Source<TableFormat>;
  folder: string;
}

/**
 * Downloads the files of the manifest. The result has the order of the manifest. Throws FORMAT_NOT_SUPPORTED,
 * FORMAT_MISMATCH and the errors of fetchSource.
 */
export async function fetchTables(files: readonly ManifestFile[], target: FetchContext): Promise<FetchedTable[]> {
  const fetched: FetchedTable[] = [];
  const remaining = files.entries(); // Shared by the downloads, so that each file is fetched once.
  let failed = false;
  const fetchRemaining = async () => {
    for (const [index, declared] of remaining) {
      if (failed) return;
      const folder = join(target.folder, String(index));
      await mkdir(folder);
      const source = await fetchTable(declared, { ...target, folder }).catch((thrown: unknown) => {
        failed = true;
        throw thrown;
      });
      fetched[index] = { folder, source };
    }
  };
  await settleAll(Array.from({ length: Math.min(PARALLEL_DOWNLOADS, files.length) }, fetchRemaining));
  return fetched;
}

function fetchTable(declared: ManifestFile, target: FetchContext): Promise<Source<TableFormat>> {
  return fetchSource(
    declared,
    tableFormat(declared.format, declared.path),
    ({ file, format }, head) => checkSignature(format, head, file, declared.encoding),
    target,
  );
}

/** The description of a downloaded file for lineage, before its rows are counted. */
export function sourceFile(source: Source<TableFormat>): SourceFile {
  return {
    path: source.file,
    sha256: source.sha256,
    size_bytes: source.sizeBytes,
    format: source.format.name,
    layer: source.declared.layer ?? null,
    crs: null,
    row_count: 0,
  };
}
