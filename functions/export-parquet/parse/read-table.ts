import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SourceFile } from '#shared/contracts/shared-schemas.ts';
import { openText } from '#shared/tables/open-text.ts';
import { delimitedTable, type SourceTable } from '#shared/tables/source-table.ts';
import { stageDelimited, stageRows } from '#shared/tables/stage-rows.ts';
import type { LockedDatabase } from '#shared/databases/locked-duckdb.ts';
import { type TableFormat, tableFormat } from '#shared/formats/table-formats.ts';
import { checkSignature, type FetchContext, fetchSource, type Source } from '#shared/landing/fetch-source.ts';
import type { ManifestFile, TabularParameters } from '#shared/manifest/manifest.ts';
import type { Context } from '#shared/runtime/context.ts';
import { settleAll } from '#shared/signals/settle-all.ts';
import { readSheet } from '../workbook/read-sheet.ts';
import { sheetTable } from '../workbook/sheet-table.ts';
import { jsonLinesTable } from './json-lines-table.ts';
import { LineScanner } from './scan-lines.ts';

interface ReadContext extends Pick<Context, 'env'> {
  database: LockedDatabase;
  parameters: TabularParameters;
  signal: AbortSignal;
}

/**
 * Reads a downloaded file as a table. Its rows are staged in its folder, and the file is deleted. Throws the errors of
 * "Reading the files" in docs/errors.md.
 */
export function readTable(fetched: FetchedTable, context: ReadContext): Promise<SourceTable> {
  switch (fetched.source.format.reader) {
    case 'delimited':
      return readDelimited(fetched, context);
    case 'json-lines':
      return readJsonLines(fetched, context);
    case 'workbook':
      return readWorkbook(fetched, context);
  }
}

async function readDelimited(fetched: FetchedTable, context: ReadContext): Promise<SourceTable> {
  const { source } = fetched;
  const { parameters, signal } = context;
  const declared = {
    ...parameters,
    delimiter: parameters.delimiter ?? source.format.delimiter,
    quotes: parameters.quotes ?? source.format.quotes,
  };
  const staged = await stageDelimited(openSource(fetched, context), rowsPath(fetched), declared, source.file, signal);
  await rm(source.path);
  return delimitedTable(staged, sourceFile(source), parameters);
}

async function readJsonLines(fetched: FetchedTable, context: ReadContext): Promise<SourceTable> {
  const { source } = fetched;
  const { database, parameters, signal } = context;
  const text = openSource(fetched, context);
  const staged = await stageRows(new LineScanner(), text, rowsPath(fetched), { columns: 1, signal });
  await rm(source.path);
  return jsonLinesTable(database, staged, sourceFile(source), parameters, signal);
}

async function readWorkbook(fetched: FetchedTable, context: ReadContext): Promise<SourceTable> {
  const { file, path, format, declared, sizeBytes } = fetched.source;
  const { env, parameters, signal } = context;
  const job = {
    path,
    file,
    sizeBytes,
    format: format.name,
    sheet: declared.layer ?? parameters.sheet,
    header: parameters.header,
    skipRows: parameters.skip_lines,
    nullValues: parameters.null_values ?? [],
    maxBytes: env.MAX_FILE_BYTES,
    folder: fetched.folder,
    rowsPath: rowsPath(fetched),
  };
  const sheet = await readSheet(job, { signal, stalledSeconds: env.GDAL_STALLED_CPU_SECONDS });
  await rm(path);
  return sheetTable(sheet, rowsPath(fetched), sourceFile(fetched.source), parameters);
}

function openSource({ source }: FetchedTable, { env, signal }: ReadContext): AsyncIterable<Buffer> {
  const { path, file, sizeBytes, declared } = source;
  return openText({ path, file, sizeBytes, encoding: declared.encoding }, { maxBytes: env.MAX_FILE_BYTES }, signal);
}

function rowsPath({ folder }: FetchedTable): string {
  return join(folder, 'rows');
}

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
