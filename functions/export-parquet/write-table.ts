import { quotedIdentifier, quotedString } from '@duckdb/node-api';
import type { ColumnType } from '#shared/contracts/column-types.ts';
import { convertedSql, readableRowSql, type TextTable } from '#shared/tables/infer/text-table.ts';
import type { LockedDatabase } from '#shared/databases/locked-duckdb.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';

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
  target: { path: string; rows: number; dataset: string },
  signal: AbortSignal,
): Promise<void> {
  await database.query(copySql(tables, types, target.path), signal);
  const [written] = await database.query<{ rows: string }>(
    `select sum(num_rows) as rows from parquet_file_metadata(${quotedString(target.path)})`,
    signal,
  );
  const rows = Number(written?.rows);
  if (rows === target.rows) return;
  throw new SluiceError(
    'OUTPUT_INVALID',
    `The Parquet file of dataset ${JSON.stringify(target.dataset)} has ${rows} rows instead of ${target.rows}.`,
    { details: { file: rows, table: target.rows } },
  );
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
