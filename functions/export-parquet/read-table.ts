import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { LockedDatabase } from '#shared/duckdb/locked-database.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { Source } from '#shared/landing/fetch-source.ts';
import type { TableFormat } from '#shared/formats/table-formats.ts';
import type { SourceFile } from '#shared/contracts/facts.ts';
import { openText } from './open-text.ts';
import { sourceFile } from './plan-asset.ts';
import { delimitedTable } from './read-delimited.ts';
import { jsonLinesTable } from './read-json-lines.ts';
import { stageDelimited, stageLines } from './staged-table.ts';
import type { TableSource, TabularParameters } from './table-source.ts';
import { extractSheet } from './workbook.ts';

interface Surroundings extends Pick<Context, 'env' | 'gdal'> {
  database: LockedDatabase;
  /** For this file alone. */
  folder: string;
  signal: AbortSignal;
}

/** A fetched file as a table, its rows staged in the folder; the file itself is deleted. Throws what docs/errors.md lists under "Reading the files". */
export async function readTable(
  source: Source<TableFormat>,
  parameters: TabularParameters,
  surroundings: Surroundings,
): Promise<TableSource> {
  const described = sourceFile(source);
  const rows = join(surroundings.folder, 'rows');
  const { env, signal } = surroundings;
  if (source.format.reader === 'workbook') return readSheet(source, parameters, rows, described, surroundings);
  const text = openText(
    { path: source.path, file: source.file, sizeBytes: source.sizeBytes, encoding: source.declared.encoding },
    { maxBytes: env.MAX_FILE_BYTES },
    signal,
  );
  if (source.format.reader === 'json-lines') {
    const staged = await stageLines(text, rows, signal);
    await rm(source.path);
    return jsonLinesTable(surroundings.database, staged, described, parameters, signal);
  }
  const staged = await stageDelimited(
    text,
    rows,
    { ...parameters, delimiter: parameters.delimiter ?? source.format.delimiter },
    source.file,
    signal,
  );
  await rm(source.path);
  return delimitedTable(staged, described, parameters);
}

async function readSheet(
  source: Source<TableFormat>,
  parameters: TabularParameters,
  rows: string,
  described: SourceFile,
  { folder, gdal, env, signal }: Surroundings,
): Promise<TableSource> {
  const { file, path, format, declared } = source;
  const hasHeader = parameters.header !== false;
  const workbook = { path, file, format, sheet: declared.layer ?? parameters.sheet, hasHeader };
  const sheet = await extractSheet(workbook, join(folder, 'sheet.csv'), { gdal, maxBytes: env.MAX_FILE_BYTES, signal });
  // GDAL writes a line of names in any case: those of the sheet in its first row, or made up ones before it.
  // It ends the name of an only column with a comma, as it does a cell of it without a value.
  const width = sheet.types.length === 1 ? 1 : undefined;
  const written = {
    delimiter: ',',
    header: true,
    firstRow: hasHeader ? 1 : 0,
    null_values: parameters.null_values,
    width,
  };
  const staged = await stageDelimited(
    createReadStream(sheet.path) as AsyncIterable<Buffer>,
    rows,
    written,
    file,
    signal,
  );
  await Promise.all([path, sheet.path].map((done) => rm(done)));
  if (!hasHeader) staged.dialect.header = undefined;
  return delimitedTable(
    staged,
    { ...described, layer: sheet.name },
    { ...parameters, decimal_separator: '.' },
    sheet.types,
  );
}
