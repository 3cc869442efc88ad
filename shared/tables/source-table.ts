import type { DateFormat, ThousandsSeparator, ValueType } from '#shared/contracts/column-types.ts';
import type { Note, SourceFile } from '#shared/contracts/shared-schemas.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { DeclaredDialect } from './dialect.ts';
import type { Notation } from './infer/notation.ts';
import type { TextColumn, TextTable } from './infer/text-table.ts';
import { candidateTypes } from './infer/value-types.ts';
import { nameColumns } from './rules/find-header.ts';
import { notesOfNotation, notesOfSample } from './sample-notes.ts';
import { type StagedDelimited, stagedTableSql, stagedValuesSql } from './stage-rows.ts';

/** How a table is read, as the manifest declares it (`metadata.tabular`). */
export interface TableParameters extends DeclaredDialect {
  thousands_separator?: ThousandsSeparator | undefined;
  date_format?: DateFormat | undefined;
  percent?: boolean | undefined;
  columns?: Record<string, ValueType> | undefined;
}

/** One file of the manifest as a table that DuckDB reads. */
export interface SourceTable extends TextTable {
  source: SourceFile;
  notes: Note[];
}

/** How the file writes numbers and dates. */
export function notationOf(parameters: TableParameters): Notation {
  return {
    decimal: parameters.decimal_separator ?? '.',
    thousands: parameters.thousands_separator,
    percent: parameters.percent,
    date: parameters.date_format,
  };
}

/**
 * A staged delimited file as a table. `reserved` are the names that no column may have. Throws COLUMN_MISSING.
 */
export function delimitedTable(
  staged: StagedDelimited,
  source: SourceFile,
  parameters: TableParameters,
  reserved: readonly string[] = [],
): SourceTable {
  const { header, sample } = staged.dialect;
  const notation = notationOf(parameters);
  const nullValues = parameters.null_values ?? [];
  const { names, notes } = nameColumns(header, staged.columns, source.path, reserved);
  const declared = declaredTypes(parameters.columns ?? {}, names, header ?? [], source.path);
  const columns = names.map((name, position): TextColumn => {
    const values = sample.map((row) => row[position] ?? null);
    return {
      name,
      position,
      declared: declared.get(position),
      escaped: staged.escaped[position] === true,
      padded: staged.padded[position] === true,
      candidates: candidateTypes(values, nullValues, notation),
    };
  });
  return {
    source,
    columns,
    rowsSql: stagedTableSql(staged),
    valuesSql: stagedValuesSql(staged),
    rowCount: staged.rows,
    notation,
    nullValues,
    rejected: staged.rejected,
    notes: [
      ...staged.notes,
      ...notes,
      ...notesOfNotation(sample, notation, source.path),
      ...notesOfSample(columns, sample, notation, source.path),
    ],
  };
}

/**
 * The types that the manifest declares, by the position of their column. A column is found by its name in the asset,
 * then by its name in the file. Throws COLUMN_MISSING.
 */
export function declaredTypes(
  declared: Record<string, ValueType>,
  names: readonly string[],
  namesInFile: readonly string[],
  file: string,
): Map<number, ValueType> {
  const trimmed = namesInFile.map((inFile) => inFile.trim());
  const types = Object.entries(declared).map(([name, type]) => {
    const position = names.includes(name) ? names.indexOf(name) : trimmed.indexOf(name.trim());
    if (position < 0) throw columnMissing(name, names, file);
    return [position, type] as const;
  });
  return new Map(types);
}

function columnMissing(column: string, names: readonly string[], file: string): SluiceError {
  return new SluiceError(
    'COLUMN_MISSING',
    `${file} has no column ${JSON.stringify(column)}, which metadata.tabular.columns declares. ` +
      `Its columns are ${listColumns(names)}.`,
    { details: { file, column, columns: columnsForDetails(names) } },
  );
}

const MAX_COLUMNS_IN_DETAILS = 100;
const MAX_COLUMNS_IN_MESSAGE = 20;

/** The first names of columns for the message of an error. */
export function listColumns(names: readonly string[]): string {
  const listed = names.slice(0, MAX_COLUMNS_IN_MESSAGE).map((name) => JSON.stringify(name));
  return `${listed.join(', ')}${names.length > MAX_COLUMNS_IN_MESSAGE ? ', …' : ''}`;
}

/** The first names of columns for the details of an error. */
export function columnsForDetails(names: readonly string[]): string[] {
  return names.slice(0, MAX_COLUMNS_IN_DETAILS);
}
