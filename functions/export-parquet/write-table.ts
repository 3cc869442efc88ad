import { quotedIdentifier, quotedString } from '@duckdb/node-api';
import { sortedEntries, sourceHashOf } from '#shared/assets/store-asset.ts';
import { type ColumnType, ledgerType } from '#shared/contracts/column-types.ts';
import type { SourceFile } from '#shared/contracts/shared-schemas.ts';
import type { InferredTypes } from '#shared/tables/infer/infer-types.ts';
import { convertedSql, readableRowSql, type TextTable } from '#shared/tables/infer/text-table.ts';
import { rejectedNotes, type RejectedTotal, totalRejected } from '#shared/tables/limit-rejected.ts';
import type { SourceTable } from '#shared/tables/source-table.ts';
import type { LockedDatabase } from '#shared/databases/locked-duckdb.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { deterministicObjectId } from '#shared/events/event.ts';
import type { AssetDraft, RunDocument } from '#shared/ledger/documents.ts';

/** The default of zstd. Level 15 saves less than 1 % and takes 5 to 10 times as long. */
const ZSTD_LEVEL = 3;
/** The default of DuckDB. A reader with a filter reads or skips a whole row group. */
const ROW_GROUP_ROWS = 122_880;

/**
 * Writes the rows of all tables, in order, into one Parquet file. The database must have one thread, so that the same
 * rows result in the same bytes. Throws OUTPUT_INVALID, DISK_FULL.
 */
export async function writeTable(
  database: LockedDatabase,
  tables: readonly TextTable[],
  types: readonly ColumnType[],
  target: { path: string; rows: number },
  signal: AbortSignal,
): Promise<void> {
  await database.query(copySql(tables, types, target.path), signal);
  const [written] = await database.query<{ rows: string }>(
    `select sum(num_rows) as rows from parquet_file_metadata(${quotedString(target.path)})`,
    signal,
  );
  const rows = Number(written?.rows);
  if (rows === target.rows) return;
  throw new SluiceError('OUTPUT_INVALID', `The Parquet file has ${rows} rows instead of ${target.rows}.`, {
    details: { file: rows, table: target.rows },
  });
}

function copySql(tables: readonly TextTable[], types: readonly ColumnType[], path: string): string {
  const options = [
    'format parquet',
    'compression zstd',
    `compression_level ${ZSTD_LEVEL}`,
    `row_group_size ${ROW_GROUP_ROWS}`,
  ];
  const selects = tables.map((table) => selectSql(table, types));
  return `copy (${selects.join(' union all ')}) to ${quotedString(path)} (${options.join(', ')})`;
}

function selectSql(table: TextTable, types: readonly ColumnType[]): string {
  const values = table.columns.map((column, index) => {
    const value = convertedSql(table, column, types[index] ?? { type: 'text' });
    return `${value} as ${quotedIdentifier(column.name)}`;
  });
  return `select ${values.join(', ')} from ${table.rowsSql} where ${readableRowSql(table)}`;
}

/** Increase it when the same file would become a different asset, so that older assets are not reused. */
const READER_VERSION = 6;
const RECIPE = 'tabular';
const STEPS = ['ScanRows', 'InferTypes', 'WriteParquet'];

/** The id of the asset of a run. It depends only on the run, so a repeated step does not register a second asset. */
export function assetIdOf(runId: string): string {
  return deterministicObjectId('asset', runId, 'parquet');
}

/** The source hash (sourceHashOf) of the files in their order, and of how they are read. */
export function tabularSourceHash(
  run: Pick<RunDocument, 'manifest'>,
  files: readonly Pick<SourceFile, 'path' | 'sha256' | 'layer'>[],
): string {
  const parameters = sortedEntries(run.manifest.metadata.tabular ?? {});
  return sourceHashOf(run.manifest, files, [RECIPE, READER_VERSION, parameters], { ordered: true });
}

/** The Parquet file, and the versions of its writer. */
export interface WrittenTable {
  s3_key: string;
  content_hash: string;
  source_hash: string;
  size_bytes: number;
  duckdb: string;
}

/** The asset document for a written table. */
export function assetDraft(run: RunDocument, inferred: InferredTypes<SourceTable>, written: WrittenTable): AssetDraft {
  const { tables, types, rowCounts } = inferred;
  const rejected = rejectedOf(tables);
  return {
    _id: assetIdOf(run.run_id),
    dataset_id: run.dataset_id,
    kind: 'tabular',
    s3_key: written.s3_key,
    content_hash: written.content_hash,
    source_hash: written.source_hash,
    run_id: run._id,
    crs: null,
    bbox: null,
    geometry_types: [],
    row_count: rowCounts.reduce((sum, rows) => sum + rows, 0),
    columns: (tables[0]?.columns ?? []).map(({ name }, index) => ({
      name,
      type: ledgerType(types[index] ?? { type: 'text' }),
    })),
    size_bytes: written.size_bytes,
    quality: {
      null_geometries: 0,
      empty_geometries: 0,
      repaired_geometries: 0,
      notes: [...tables.flatMap(({ notes }) => notes), ...inferred.notes, ...rejectedNotes(rejected)],
    },
    rejected_rows: rejected,
    software: { DuckDB: written.duckdb },
    recipe: { name: RECIPE, parameters: { ...run.manifest.metadata.tabular }, steps: [...STEPS] },
    sources: tables.map(({ source }, index) => ({ ...source, row_count: rowCounts[index] ?? 0 })),
    iso: null,
    stac_key: null,
  };
}

/** The rejected rows of all tables. */
export function rejectedOf(tables: readonly SourceTable[]): RejectedTotal {
  return totalRejected(tables.map(({ source, rejected }) => ({ file: source.path, rejected })));
}
