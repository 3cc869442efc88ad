import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ColumnType } from '#shared/contracts/column-types.ts';
import type { Note, SourceFile } from '#shared/contracts/shared-schemas.ts';
import { alignTables } from '#shared/tables/align-tables.ts';
import { inferTypes } from '#shared/tables/infer/infer-types.ts';
import type { TextColumn } from '#shared/tables/infer/text-table.ts';
import { openText } from '#shared/tables/open-text.ts';
import { delimitedTable, type SourceTable } from '#shared/tables/source-table.ts';
import { stageDelimited } from '#shared/tables/stage-rows.ts';
import { openLockedDatabase } from '#shared/databases/locked-duckdb.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { tableFormat } from '#shared/formats/table-formats.ts';
import { vectorFormat } from '#shared/formats/vector-formats.ts';
import { namingFile } from '#shared/gdal/gdal-error.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';
import { MAX_POSTGRES_COLUMNS, RESERVED_COLUMNS } from '#shared/postgis/run-schema.ts';
import type { VectorSource } from '../vector-source.ts';
import type { LoadContext } from '../load-context.ts';
import { csvGeometry } from './geometry-columns.ts';

/** Where the geometries of a CSV are: the positions of two columns of numbers, or a column of WKT. */
type PointGeometry = { kind: 'xy'; x: number; y: number } | { kind: 'wkt'; wkt: TextColumn };

/** The rows of a CSV in the scratch folder. The columns of `table` are those of the asset, so they exclude WKT. */
interface StagedPoints {
  table: SourceTable;
  geometry: PointGeometry;
}

/** A CSV with the types of its columns. */
export interface Points extends StagedPoints {
  types: ColumnType[];
  notes: Note[];
}

/** The key column and the geometry column. */
const ADDED_COLUMNS = 2;

/**
 * Scans a CSV of features with the reader of tables, so that both lanes read the same rows and reject the same ones.
 * Throws NO_GEOMETRY, TOO_MANY_COLUMNS, COLUMN_MISSING, and the errors of openText and stageDelimited.
 */
export async function stagePoints(
  source: VectorSource,
  context: Pick<LoadContext, 'env' | 'folder' | 'signal' | 'tabular'>,
): Promise<StagedPoints> {
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
  const geometry = csvGeometry(names, staged.dialect.sample, declared, file);
  const table = delimitedTable(staged, sourceOf(source), tabular, [...RESERVED_COLUMNS, env.GEOMETRY_COLUMN]);
  if (geometry.kind === 'wkt') return withoutWkt(table, names.indexOf(geometry.column));
  return { table, geometry: { kind: 'xy', x: names.indexOf(geometry.x), y: names.indexOf(geometry.y) } };
}

/** The description of the file for lineage, before its CRS and its rows are known. */
function sourceOf({ file, sha256, sizeBytes, format, declared }: VectorSource): SourceFile {
  const layer = declared.layer ?? null;
  return { path: file, sha256, size_bytes: sizeBytes, format: format.name, layer, crs: null, row_count: 0 };
}

/** The column of WKT is not a column of the asset, so its type and its name are not used. */
function withoutWkt(table: SourceTable, position: number): StagedPoints {
  const wkt = table.columns[position] as TextColumn;
  return {
    table: {
      ...table,
      columns: table.columns.filter((column) => column !== wkt),
      notes: table.notes.filter(({ column }) => column === undefined || column !== wkt.name),
    },
    geometry: { kind: 'wkt', wkt: { ...wkt, declared: 'text', padded: false } },
  };
}

/**
 * Infers the types of the columns by the rules of tables, from the values of all files. A row whose coordinate is not
 * a finite number is rejected. The notes about all files are those of the first one. Throws COLUMNS_DIFFER.
 */
export async function inferPoints(
  staged: readonly StagedPoints[],
  { env, folder, signal }: Pick<LoadContext, 'env' | 'folder' | 'signal'>,
): Promise<Points[]> {
  using database = await openLockedDatabase(folder, { threads: env.CORES, preserveOrder: false });
  const aligned = alignTables(staged.map(({ table }) => table));
  const coordinates = coordinateColumns(staged, aligned);
  const tables = aligned.map((table): SourceTable => ({
    ...table,
    columns: table.columns.map((column, at) => ({ ...column, isFinite: coordinates.has(at) })),
  }));
  const first = tables.map((table) => ({ ...table, rejected: table.rejected.copy() }));
  let inferred = await inferTypes(database, first, signal);
  const texts = [...coordinates].filter((at) => !isNumber(inferred.types[at]?.type));
  if (texts.length > 0)
    inferred = await inferTypes(
      database,
      tables.map((table) => withNumbers(table, texts)),
      signal,
    );
  const { types, notes } = inferred;
  return inferred.tables.map((table, index) => ({
    table,
    geometry: (staged[index] as StagedPoints).geometry,
    types,
    notes: index === 0 ? notes : [],
  }));
}

/** The indexes of all columns that hold coordinates in one of the files. */
function coordinateColumns(staged: readonly StagedPoints[], tables: readonly SourceTable[]): Set<number> {
  const indexes = staged.flatMap(({ geometry }, file) => {
    if (geometry.kind === 'wkt') return [];
    const positions = tables[file]?.columns.map(({ position }) => position) ?? [];
    return [positions.indexOf(geometry.x), positions.indexOf(geometry.y)];
  });
  return new Set(indexes);
}

function isNumber(type: string | undefined): boolean {
  return type === 'bigint' || type === 'double' || type === 'decimal';
}

/** Declares coordinates that are not all numbers as double, so that the other rows are rejected. */
function withNumbers(table: SourceTable, indexes: readonly number[]): SourceTable {
  const columns = table.columns.map((column, index) =>
    indexes.includes(index) ? { ...column, declared: 'double' as const } : column,
  );
  const names = new Set(indexes.map((at) => table.columns[at]?.name));
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

/** A CSV of a run with several files. */
export interface PointFile {
  source: VectorSource;
  points: Points;
}

/** How the files of a run are downloaded and read, each in a folder of its own in `folder`. */
export interface FileAccess {
  download: (index: number) => Promise<VectorSource>;
  contextOf: (index: number) => LoadContext;
  /** The scratch folder, which contains a folder for each file. */
  folder: string;
}

/**
 * Stages the rows of several CSV files, and infers the types of their columns from the values of all of them: whole
 * numbers in one file and decimals in another are decimals. Undefined for one file, and for other formats, whose files
 * are loaded one after the other. Throws COLUMNS_DIFFER, and the errors of stagePoints.
 */
export async function stageFiles(
  files: readonly ManifestFile[],
  { download, contextOf, folder }: FileAccess,
): Promise<PointFile[] | undefined> {
  if (files.length < 2 || files.some(({ format, path }) => vectorFormat(format, path).name !== 'CSV')) return undefined;
  const sources: VectorSource[] = [];
  const staged: StagedPoints[] = [];
  for (const index of files.keys()) {
    const source = await download(index);
    sources.push(source);
    staged.push(await namingFile(source.file, () => stagePoints(source, contextOf(index))));
  }
  const points = await inferPoints(staged, { ...contextOf(0), folder });
  return points.map((one, index) => ({ source: sources[index] as VectorSource, points: one }));
}
