import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { quotedString } from '@duckdb/node-api';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type DeclaredDialect, detectDialect, type Dialect, separatorLine } from './dialect.ts';
import type { RejectedRows } from './rejected-rows.ts';
import { MAX_ROW_BYTES } from './row-writer.ts';
import { DelimitedScanner } from './scan-delimited.ts';
import { LineScanner } from './scan-lines.ts';
import { MAX_COLUMNS } from './table-source.ts';

/** Rows of one file in the staged form (staged-text.ts), in the scratch folder. */
export interface StagedRows {
  path: string;
  /** Values in a row. */
  columns: number;
  rows: number;
  /** Bytes of the longest row. */
  longestRow: number;
  /** For each column, whether some value of it has an escape. */
  escaped: boolean[];
  rejected: RejectedRows;
}

export interface StagedDelimited extends StagedRows {
  dialect: Dialect;
}

/** Enough for thousands of rows: delimiter, header and a first look at types come from it. It is longer when the first row is. */
const HEAD_BYTES = 2 ** 18;
const LF = 0x0a;
const CR = 0x0d;
/** DuckDB's own buffers, of 32 MB for each thread, are no quicker, and cost a table of 5 million rows 90 MB of memory. */
const BUFFER_BYTES = 4 * 2 ** 20;
/** A buffer must hold more than the longest row. */
const ROWS_IN_BUFFER = 4;

/** Scans a delimited text into `path`. Throws FILE_UNREADABLE for one without any row, TOO_MANY_COLUMNS. */
export async function stageDelimited(
  text: AsyncIterable<Buffer>,
  path: string,
  declared: DeclaredDialect & { firstRow?: number },
  file: string,
  signal: AbortSignal,
): Promise<StagedDelimited> {
  const { head: beginning, rest, isWhole } = await headOf(text);
  const separator = separatorLine(beginning);
  const head = beginning.subarray(separator?.bytes ?? 0);
  const dialect = detectDialect(head, isWhole, { ...declared, delimiter: declared.delimiter ?? separator?.delimiter });
  if (dialect === undefined)
    throw new SluiceError('FILE_UNREADABLE', `${file} holds no row. Upload it again.`, { details: { file } });
  if (dialect.columns > MAX_COLUMNS) {
    throw new SluiceError(
      'TOO_MANY_COLUMNS',
      `${file} has ${dialect.columns} columns; at most ${MAX_COLUMNS} can be read. Write it with a row for each value, or split it.`,
      { details: { file, columns: dialect.columns, limit: MAX_COLUMNS } },
    );
  }
  const scanner = new DelimitedScanner({
    delimiter: dialect.delimiter,
    columns: dialect.columns,
    hasHeader: dialect.hasHeader,
    nullValues: declared.null_values ?? [],
    firstLine: separator === undefined ? 1 : 2,
    ...(declared.firstRow === undefined ? {} : { firstRow: declared.firstRow }),
  });
  await pipeline(scanned(scanner, head, rest), createWriteStream(path), { signal });
  return {
    path,
    dialect,
    columns: dialect.columns,
    rows: scanner.rows,
    longestRow: scanner.longestRow,
    escaped: scanner.escaped,
    rejected: scanner.rejected,
  };
}

/** Puts the lines of a text into `path`, one column of them. */
export async function stageLines(text: AsyncIterable<Buffer>, path: string, signal: AbortSignal): Promise<StagedRows> {
  const scanner = new LineScanner();
  await pipeline(scanned(scanner, Buffer.alloc(0), text), createWriteStream(path), { signal });
  return {
    path,
    columns: 1,
    rows: scanner.rows,
    longestRow: scanner.longestRow,
    escaped: [],
    rejected: scanner.rejected,
  };
}

/** SQL: staged rows as a table of `line` and `c0`, `c1`, …, all text but the line. */
export function stagedTableSql(staged: StagedRows): string {
  return readSql(
    staged,
    ["'line': 'BIGINT'", ...Array.from({ length: staged.columns }, (_, column) => `'c${column}': 'VARCHAR'`)],
    '\u001f',
  );
}

/** SQL: the values of staged rows one by one (TableSource.values). */
export function stagedValuesSql(staged: StagedRows): string {
  const fields = `(select string_split(row, '\u001f')[2:] as fields from ${readSql(staged, ["'row': 'VARCHAR'"], NEVER_STAGED)})`;
  return `(select generate_subscripts(fields, 1) - 1 as position, nullif(unnest(fields), '') as c0 from ${fields})`;
}

/** A letter comes after an escape, so no row is divided by two of them. */
const NEVER_STAGED = '\u001a\u001a';

function readSql({ path, longestRow }: StagedRows, fields: readonly string[], delimiter: string): string {
  const longest = Math.max(BUFFER_BYTES / ROWS_IN_BUFFER, longestRow + 1);
  return `read_csv(${quotedString(path)}, columns = {${fields.join(', ')}}, auto_detect = false, header = false, delim = '${delimiter}', quote = '', escape = '', new_line = '\\n', nullstr = '', max_line_size = ${longest}, buffer_size = ${ROWS_IN_BUFFER * longest})`;
}

async function* scanned(
  scanner: DelimitedScanner | LineScanner,
  head: Buffer,
  rest: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  yield scanner.push(head);
  for await (const chunk of rest) yield scanner.push(chunk);
  yield scanner.end();
}

async function headOf(
  text: AsyncIterable<Buffer>,
): Promise<{ head: Buffer; rest: AsyncIterable<Buffer>; isWhole: boolean }> {
  const iterator = text[Symbol.asyncIterator]();
  const chunks: Buffer[] = [];
  let size = 0;
  let isWhole = false;
  let hasRow = false;
  while ((size < HEAD_BYTES || (!hasRow && size < MAX_ROW_BYTES)) && !isWhole) {
    const next = await iterator.next();
    if (next.done === true) isWhole = true;
    else {
      chunks.push(next.value);
      size += next.value.length;
      hasRow ||= next.value.includes(LF) || next.value.includes(CR);
    }
  }
  return { head: Buffer.concat(chunks), rest: { [Symbol.asyncIterator]: () => iterator }, isWhole };
}
