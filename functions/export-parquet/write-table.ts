import { quotedIdentifier, quotedString } from '@duckdb/node-api';
import type { LockedDatabase } from '#shared/duckdb/locked-database.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { convertedSql, readableRowSql, type TableSource } from './table-source.ts';
import type { ColumnType } from './value-types.ts';

/** zstd's own default. 15 saves under 1 % and takes 5 to 10 times as long. */
const ZSTD_LEVEL = 3;
/** DuckDB's own number: what a reader with a filter skips or reads at once. */
const ROW_GROUP_ROWS = 122_880;

/** Writes the rows of all files, in order, into one Parquet file. The database must have one thread: then the same rows give the same bytes. Throws OUTPUT_INVALID, DISK_FULL. */
export async function writeTable(
  database: LockedDatabase,
  tables: readonly TableSource[],
  types: readonly ColumnType[],
  target: { path: string; rows: number },
  signal: AbortSignal,
): Promise<void> {
  await database.query(copySql(tables, types, target.path), signal);
  const [written] = await database.query<{ rows: string }>(
    `select sum(num_rows) as rows from parquet_file_metadata(${quotedString(target.path)})`,
    signal,
  );
  if (Number(written?.rows) === target.rows) return;
  throw new SluiceError('OUTPUT_INVALID', `The Parquet file has ${written?.rows} rows; ${target.rows} were read.`, {
    details: { file: Number(written?.rows), table: target.rows },
  });
}

/** COPY of the readable rows. */
export function copySql(tables: readonly TableSource[], types: readonly ColumnType[], path: string): string {
  const selects = tables.map((table) => {
    const values = table.columns.map(
      (column, index) =>
        `${convertedSql(table, column, types[index] ?? { type: 'text' })} as ${quotedIdentifier(column.name)}`,
    );
    return `select ${values.join(', ')} from ${table.from} where ${readableRowSql(table)}`;
  });
  return `copy (${selects.join(' union all ')}) to ${quotedString(path)} (format parquet, compression zstd, compression_level ${ZSTD_LEVEL}, row_group_size ${ROW_GROUP_ROWS})`;
}
