import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openText } from '#shared/tables/open-text.ts';
import { delimitedTable, type SourceTable } from '#shared/tables/source-table.ts';
import { stageDelimited, stageRows } from '#shared/tables/stage-rows.ts';
import type { LockedDatabase } from '#shared/databases/locked-duckdb.ts';
import type { TabularParameters } from '#shared/manifest/manifest.ts';
import type { Context } from '#shared/runtime/context.ts';
import { readSheet } from '../workbook/read-sheet.ts';
import { sheetTable } from '../workbook/sheet-table.ts';
import { type FetchedTable, sourceFile } from './fetch-tables.ts';
import { jsonLinesTable } from './json-lines-table.ts';
import { JsonLinesScanner } from './json-lines-scanner.ts';

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
  const staged = await stageRows(new JsonLinesScanner(), text, rowsPath(fetched), { columns: 1, signal });
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
