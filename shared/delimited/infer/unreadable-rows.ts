import { ledgerType } from '#shared/contracts/value-types.ts';
import type { LockedDatabase } from '#shared/duckdb/locked-database.ts';
import { MAX_REJECTED_SAMPLE, type RejectedRow } from '../rejected-rows.ts';
import type { ColumnFacts } from './aggregate-columns.ts';
import { readableRowSql, type TextColumn, type TextTable, unreadableTests } from './text-table.ts';

/** Characters of a value in a message. */
const MAX_VALUE_CHARACTERS = 100;

/** Adds the rows that cannot be read as the declared types to the rejected rows of the table. Returns their number. */
export async function rejectUnreadableRows(
  database: LockedDatabase,
  table: TextTable,
  signal: AbortSignal,
): Promise<number> {
  const tests = unreadableTests(table);
  if (tests.length === 0) return 0;
  const where = `where not ${readableRowSql(table)}`;
  const [counted] = await database.query<{ count: string | number }>(
    `select count(*) as count from ${table.rowsSql} ${where}`,
    signal,
  );
  const values = tests.map(
    ({ value, test }, index) => `case when ${test} then left(${value}, ${MAX_VALUE_CHARACTERS}) end as t${index}`,
  );
  const rows = await database.query<ColumnFacts>(
    `select line, ${values.join(', ')} from ${table.rowsSql} ${where} order by line limit ${MAX_REJECTED_SAMPLE}`,
    signal,
  );
  const count = Number(counted?.count ?? 0);
  const columns = tests.map(({ column }) => column);
  table.rejected.addAll(
    count,
    rows.map((row) => rejectedRow(row, columns)),
  );
  return count;
}

/** The first unreadable value of a row. */
function rejectedRow(row: ColumnFacts, columns: readonly TextColumn[]): RejectedRow {
  const index = columns.findIndex((_, position) => row[`t${position}`] !== null);
  const column = columns[index];
  const value = JSON.stringify(row[`t${index}`]);
  const type = column?.declared === 'decimal' ? 'decimal' : ledgerType({ type: column?.declared ?? 'text' });
  return {
    line: Number(row.line),
    reason: `has ${value} in column ${JSON.stringify(column?.name)} of type ${type}`,
  };
}
