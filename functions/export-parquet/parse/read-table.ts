import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openText } from '#shared/delimited/open-text.ts';
import { delimitedTable, type SourceTable } from '#shared/delimited/source-table.ts';
import { stageDelimited, stageRows } from '#shared/delimited/stage-rows.ts';
import type { TabularParameters } from '#shared/manifest/manifest.ts';
import type { LockedDatabase } from '#shared/duckdb/locked-database.ts';
import type { Context } from '#shared/runtime/context.ts';
import { readFileStream } from '#shared/text/file-streams.ts';
import { extractSheet } from '../workbook/extract-sheet.ts';
import { type FetchedTable, sourceFile } from './fetch-tables.ts';
import { jsonLinesTable } from './json-lines-table.ts';
import { LineScanner } from './scan-lines.ts';

interface ReadContext extends Pick<Context, 'env' | 'gdal'> {
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
      return readSheet(fetched, context);
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

async function readSheet(fetched: FetchedTable, context: ReadContext): Promise<SourceTable> {
  const { file, path, format, declared } = fetched.source;
  const { gdal, env, parameters, signal } = context;
  const hasHeader = parameters.header !== false;
  const workbook = { path, file, format, sheet: declared.layer ?? parameters.sheet, hasHeader };
  const target = join(fetched.folder, 'sheet.csv');
  const sheet = await extractSheet(workbook, target, { gdal, maxBytes: env.MAX_FILE_BYTES, signal });
  const dialect = {
    delimiter: ',',
    // GDAL always writes a line of names: the first row of the sheet, or generated names before it.
    header: true,
    firstRow: hasHeader ? 1 : 0,
    null_values: parameters.null_values,
    // GDAL writes a comma after the name of the only column, and after its cells without a value.
    width: sheet.types.length === 1 ? 1 : undefined,
  };
  const text = readFileStream(sheet.path) as AsyncIterable<Buffer>;
  const staged = await stageDelimited(text, rowsPath(fetched), dialect, file, signal);
  await Promise.all([path, sheet.path].map((unused) => rm(unused)));
  if (!hasHeader) staged.dialect.header = undefined;
  const described = { ...sourceFile(fetched.source), layer: sheet.name };
  return delimitedTable(staged, described, { ...parameters, decimal_separator: '.' }, { fixed: sheet.types });
}

function openSource({ source }: FetchedTable, { env, signal }: ReadContext): AsyncIterable<Buffer> {
  const { path, file, sizeBytes, declared } = source;
  return openText({ path, file, sizeBytes, encoding: declared.encoding }, { maxBytes: env.MAX_FILE_BYTES }, signal);
}

function rowsPath({ folder }: FetchedTable): string {
  return join(folder, 'rows');
}
