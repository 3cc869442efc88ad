import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import format from 'pg-format';
import { to as copyTo } from 'pg-copy-streams';
import { inferTypes } from '#shared/delimited/infer/infer-types.ts';
import type { TextTable } from '#shared/delimited/infer/text-table.ts';
import { candidateTypes } from '#shared/delimited/infer/value-types.ts';
import { DelimitedScanner } from '#shared/delimited/scan-delimited.ts';
import { stageRows, stagedTableSql, stagedValuesSql } from '#shared/delimited/stage-rows.ts';
import { openLockedDatabase } from '#shared/duckdb/locked-database.ts';
import { statementFailure } from '#shared/errors/database-failure.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { ignoreError } from '#shared/text/file-streams.ts';
import { ledgerType } from '#shared/contracts/facts.ts';

/** Rows from which the candidate types of a column are taken. */
const SAMPLE_ROWS = 1_000;
/** A longer value is text: no type has one with so many characters. */
const MAX_TYPED_CHARACTERS = 100;

export interface InferenceContext {
  /** A scratch folder. */
  folder: string;
  /** Threads of DuckDB. */
  threads: number;
  signal: AbortSignal;
}

/**
 * The PostgreSQL types of text columns, by all of their values: the same inference as for tables
 * (shared/delimited/infer). The values are copied out of PostgreSQL for it, because GDAL, which read the file, and the
 * scanner may disagree about a malformed file.
 */
export async function inferColumnTypes(
  session: PostgisSession,
  table: string,
  columns: readonly string[],
  { folder, threads, signal }: InferenceContext,
): Promise<string[]> {
  if (columns.length === 0) return [];
  const path = join(folder, `${table}-values`);
  const staged = await stageTable(session, table, columns, { path, signal });
  using database = await openLockedDatabase(folder, { threads, preserveOrder: false });
  const { types } = await inferTypes(database, [staged], signal);
  await rm(path);
  return types.map((type) => (type.type === 'text' ? 'character varying' : ledgerType(type)));
}

/** Copies the columns into a file that DuckDB reads as text. */
async function stageTable(
  session: PostgisSession,
  table: string,
  columns: readonly string[],
  { path, signal }: { path: string; signal: AbortSignal },
): Promise<TextTable> {
  const select = selectValues(table, columns);
  const sample = await session.query<Record<string, string | null>>(`${select} limit ${SAMPLE_ROWS}`);
  const rows = session.client.query(copyTo(`copy (${select}) to stdout (format csv)`)).on('error', ignoreError);
  const scanner = new DelimitedScanner({ delimiter: ',', columns: columns.length, nullValues: [] });
  const staged = await stageRows(scanner, rows as AsyncIterable<Buffer>, path, {
    columns: columns.length,
    signal,
  }).catch((thrown: unknown) => {
    throw statementFailure(thrown) ?? thrown;
  });
  return {
    columns: columns.map((name, position) => ({
      name,
      position,
      candidates: candidateTypes(
        sample.map((row) => row[`c${position}`] ?? null),
        [],
        { decimal: '.' },
      ),
      escaped: scanner.escaped[position] === true,
    })),
    rowsSql: stagedTableSql(staged),
    valuesSql: stagedValuesSql(staged),
    rowCount: staged.rows,
    notation: { decimal: '.' },
    nullValues: [],
    rejected: staged.rejected,
  };
}

function selectValues(table: string, columns: readonly string[]): string {
  const values = columns.map((name, index) => format(`left(%I, ${MAX_TYPED_CHARACTERS}) as c${index}`, name));
  return format('select %s from %I', values.join(', '), table);
}
