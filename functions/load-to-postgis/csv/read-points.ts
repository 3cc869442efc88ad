import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Note, SourceFile } from '#shared/contracts/facts.ts';
import { type InferredTypes, inferTypes } from '#shared/delimited/infer/infer-types.ts';
import { openText } from '#shared/delimited/open-text.ts';
import { delimitedTable, type SourceTable } from '#shared/delimited/source-table.ts';
import { type StagedDelimited, stageDelimited } from '#shared/delimited/stage-rows.ts';
import { openLockedDatabase } from '#shared/duckdb/locked-database.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { tableFormat } from '#shared/formats/table-formats.ts';
import { MAX_POSTGRES_COLUMNS, RESERVED_COLUMNS } from '#shared/postgis/run-schema.ts';
import type { VectorSource } from '../load/fetch-vector.ts';
import type { LoadContext } from '../run-gdal.ts';
import { type CsvGeometry, csvGeometry } from './geometry-columns.ts';

/** The rows of a CSV in the scratch folder, with the columns that hold its geometries. */
export interface StagedPoints {
  staged: StagedDelimited;
  /** The names in the file, or `column_N` without a header. */
  names: string[];
  geometry: CsvGeometry;
}

/** A CSV with the types of its columns. `x` and `y`, or `wkt`, are the positions of the geometry columns. */
export interface Points extends InferredTypes<SourceTable> {
  geometry: { kind: 'xy'; x: number; y: number } | { kind: 'wkt'; wkt: number };
  notes: Note[];
}

/** The key column and the geometry column. */
const ADDED_COLUMNS = 2;

/**
 * Scans a CSV of features with the reader of tables, so that both lanes read the same rows and reject the same ones.
 * Throws NO_GEOMETRY, TOO_MANY_COLUMNS, and the errors of openText and stageDelimited.
 */
export async function stagePoints(source: VectorSource, context: LoadContext): Promise<StagedPoints> {
  const { path, file, sizeBytes, declared } = source;
  const { env, folder, signal, tabular } = context;
  const format = tableFormat(declared.format, path);
  const text = openText(
    { path, file, sizeBytes, encoding: declared.encoding },
    { maxBytes: env.MAX_FILE_BYTES },
    signal,
  );
  const dialect = {
    ...tabular,
    delimiter: tabular.delimiter ?? format.delimiter,
    quotes: tabular.quotes ?? format.quotes,
  };
  const staged = await stageDelimited(text, join(folder, 'rows'), dialect, file, signal);
  await rm(path);
  if (staged.columns + ADDED_COLUMNS > MAX_POSTGRES_COLUMNS) throw tooManyColumns(file);
  const header = staged.dialect.header?.map((name) => name.trim()) ?? [];
  const names = Array.from({ length: staged.columns }, (_, index) => header[index] || `column_${index + 1}`);
  return { staged, names, geometry: csvGeometry(names, staged.dialect.sample, declared, file) };
}

/**
 * Infers the types of the columns by the rules of tables. A row whose coordinate is no number is rejected. Throws
 * COLUMN_MISSING.
 */
export async function inferPoints(
  { staged, names, geometry }: StagedPoints,
  source: SourceFile,
  context: LoadContext,
): Promise<Points> {
  const { env, folder, signal, tabular } = context;
  const positions = positionsOf(names, geometry);
  const reserved = [...RESERVED_COLUMNS, env.GEOMETRY_COLUMN];
  const table = delimitedTable(staged, source, tabular, { reserved });
  using database = await openLockedDatabase(folder, { threads: env.CORES, preserveOrder: false });
  const first = positions.kind === 'wkt' ? withoutTypes(table, positions.wkt) : table;
  const inferred = await inferTypes(database, [first], signal);
  if (positions.kind === 'wkt') return { ...inferred, geometry: positions };
  const texts = [positions.x, positions.y].filter((at) => !isNumber(inferred.types[at]?.type));
  if (texts.length === 0) return { ...inferred, geometry: positions };
  return { ...(await inferTypes(database, [withNumbers(table, texts)], signal)), geometry: positions };
}

function positionsOf(names: readonly string[], geometry: CsvGeometry): Points['geometry'] {
  return geometry.kind === 'wkt'
    ? { kind: 'wkt', wkt: names.indexOf(geometry.column) }
    : { kind: 'xy', x: names.indexOf(geometry.x), y: names.indexOf(geometry.y) };
}

function isNumber(type: string | undefined): boolean {
  return type === 'bigint' || type === 'double' || type === 'decimal';
}

/** The column of WKT is no column of the asset, so its type and its name are of no interest. */
function withoutTypes(table: SourceTable, wkt: number): SourceTable {
  const name = table.columns[wkt]?.name;
  const columns = table.columns.map((column, index) =>
    index === wkt ? { ...column, declared: 'text' as const, padded: false } : column,
  );
  return { ...table, columns, notes: table.notes.filter(({ column }) => column === undefined || column !== name) };
}

/** Declares coordinates that are not all numbers as double, so that the other rows are rejected. */
function withNumbers(table: SourceTable, positions: readonly number[]): SourceTable {
  const columns = table.columns.map((column, index) =>
    positions.includes(index) ? { ...column, declared: 'double' as const } : column,
  );
  const names = new Set(positions.map((at) => table.columns[at]?.name));
  const notes = table.notes.filter(({ code, column }) => code !== 'COLUMN_IS_TEXT' || !names.has(column));
  return { ...table, columns, notes };
}

function tooManyColumns(file: string): SluiceError {
  return new SluiceError(
    'TOO_MANY_COLUMNS',
    `${file} has more columns than a PostgreSQL table can hold. Remove columns, or split the table.`,
    { details: { file, limit: MAX_POSTGRES_COLUMNS - ADDED_COLUMNS } },
  );
}
