import { pipeline } from 'node:stream/promises';
import { quotedString } from '@duckdb/node-api';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { writeFileStream } from '#shared/streams/file-streams.ts';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import {
  type DeclaredDialect,
  detectDialect,
  type Dialect,
  looksSpaced,
  MAX_TABLE_COLUMNS,
  separatorLine,
} from './dialect.ts';
import { MAX_ROW_BYTES, type RejectedRows } from './row-writer.ts';
import { DelimitedScanner } from './scan-delimited.ts';
import { notesOfScan } from './scan-notes.ts';
import { ESCAPE_TEXT, SEPARATOR_TEXT } from './staged-form.ts';

/** The rows of one file in the staged form (staged-form.ts), in the scratch folder. */
export interface StagedRows {
  path: string;
  /** Number of values in a row. */
  columns: number;
  rows: number;
  /** Length of the longest row in bytes. */
  longestRow: number;
  /** For each column, whether a value of it has an escape. */
  escaped: boolean[];
  rejected: RejectedRows;
}

export interface StagedDelimited extends StagedRows {
  dialect: Dialect;
  /** For each column, whether a value of it begins or ends with a space. */
  padded: boolean[];
  /** What the user should know about how the rows were found. */
  notes: Note[];
}

/** Writes rows in the staged form from chunks of a text. */
export interface RowScanner extends Pick<StagedRows, 'rows' | 'longestRow' | 'rejected'> {
  push(chunk: Uint8Array): Buffer;
  end(): Buffer;
}

/** The beginning from which the dialect is detected: thousands of rows. It is longer when the first row is. */
const HEAD_BYTES = 2 ** 18;
const LF = 0x0a;
const CR = 0x0d;
/** DuckDB's default of 32 MB per thread is not faster, and takes 90 MB more memory for a table of 5 million rows. */
const BUFFER_BYTES = 4 * 2 ** 20;
/** DuckDB requires a buffer that is larger than the longest row. */
const ROWS_IN_BUFFER = 4;

/**
 * Scans a delimited text into the file at `path`. Throws FILE_UNREADABLE for a text without rows, DELIMITER_UNKNOWN,
 * TOO_MANY_COLUMNS.
 */
export async function stageDelimited(
  text: AsyncIterable<Buffer>,
  path: string,
  declared: DeclaredDialect,
  file: string,
  signal: AbortSignal,
): Promise<StagedDelimited> {
  const { head: beginning, rest, isWhole } = await readHead(text);
  const separator = separatorLine(beginning);
  const bytes = skipLines(beginning.subarray(separator?.bytes ?? 0), declared.skip_lines ?? 0);
  const firstLine = 1 + (separator === undefined ? 0 : 1) + (declared.skip_lines ?? 0);
  const known = { ...declared, delimiter: declared.delimiter ?? separator?.delimiter };
  const dialect = detectDialect({ bytes, isWhole, firstLine }, known);
  if (dialect === undefined) throw isWhole || hasLineBreak(beginning) ? noRows(file) : firstRowTooLong(file);
  if (dialect.columns > MAX_TABLE_COLUMNS) throw tooManyColumns(file);
  if (known.delimiter === undefined && dialect.columns === 1 && looksSpaced(dialect)) throw delimiterUnknown(file);
  const scanner = new DelimitedScanner({
    delimiter: dialect.delimiter,
    columns: dialect.columns,
    skipThrough: dialect.skipThrough,
    stripBlanks: dialect.stripBlanks,
    nullValues: declared.null_values ?? [],
    quotes: declared.quotes,
    comment: declared.comment,
    firstLine,
  });
  const staged = await stageRows(scanner, prepend(bytes, rest), path, { columns: dialect.columns, signal });
  const notes = notesOfScan(dialect, scanner, declared, file);
  return { ...staged, escaped: scanner.escaped, padded: scanner.padded, dialect, notes };
}

/** The bytes after so many lines. */
function skipLines(bytes: Buffer, lines: number): Buffer {
  let at = 0;
  for (let line = 0; line < lines && at < bytes.length; line++) {
    while (at < bytes.length && bytes[at] !== LF && bytes[at] !== CR) at++;
    at += bytes[at] === CR && bytes[at + 1] === LF ? 2 : 1;
  }
  return bytes.subarray(at);
}

/** Writes the rows that a scanner makes of a text into the file at `path`. */
export async function stageRows(
  scanner: RowScanner,
  text: AsyncIterable<Buffer>,
  path: string,
  { columns, signal }: { columns: number; signal: AbortSignal },
): Promise<StagedRows> {
  await pipeline(scan(scanner, text), writeFileStream(path), { signal });
  const { rows, longestRow, rejected } = scanner;
  return { path, columns, rows, longestRow, escaped: [], rejected };
}

async function* scan(scanner: RowScanner, text: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of text) yield scanner.push(chunk);
  yield scanner.end();
}

async function* prepend(head: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  yield* rest;
}

async function readHead(
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
      hasRow ||= hasLineBreak(next.value);
    }
  }
  return { head: Buffer.concat(chunks), rest: { [Symbol.asyncIterator]: () => iterator }, isWhole };
}

function hasLineBreak(bytes: Buffer): boolean {
  return bytes.includes(LF) || bytes.includes(CR);
}

/** SQL after FROM: staged rows as a table of `line`, and `c0`, `c1`, … as text. */
export function stagedTableSql(staged: StagedRows): string {
  const columns = Array.from({ length: staged.columns }, (_, column) => `'c${column}': 'VARCHAR'`);
  return readCsvSql(staged, ["'line': 'BIGINT'", ...columns], SEPARATOR_TEXT);
}

/** No staged row contains it: a letter follows each escape. So DuckDB reads a whole row as one value. */
const NEVER_STAGED = ESCAPE_TEXT + ESCAPE_TEXT;

/** SQL after FROM: one row for each value of staged rows, as `c0` with its `position`. */
export function stagedValuesSql(staged: StagedRows): string {
  const rows = readCsvSql(staged, ["'row': 'VARCHAR'"], NEVER_STAGED);
  const fields = `(select string_split(row, '${SEPARATOR_TEXT}')[2:] as fields from ${rows})`;
  return `(select generate_subscripts(fields, 1) - 1 as position, nullif(unnest(fields), '') as c0 from ${fields})`;
}

function readCsvSql({ path, longestRow }: StagedRows, columns: readonly string[], delimiter: string): string {
  const longest = Math.max(BUFFER_BYTES / ROWS_IN_BUFFER, longestRow + 1);
  const options = [
    `columns = {${columns.join(', ')}}`,
    'auto_detect = false',
    'header = false',
    `delim = '${delimiter}'`,
    "quote = ''",
    "escape = ''",
    "new_line = '\\n'",
    "nullstr = ''",
    `max_line_size = ${longest}`,
    `buffer_size = ${ROWS_IN_BUFFER * longest}`,
  ];
  return `read_csv(${quotedString(path)}, ${options.join(', ')})`;
}

function delimiterUnknown(file: string): SluiceError {
  return new SluiceError(
    'DELIMITER_UNKNOWN',
    `The values of ${file} seem to be separated by spaces, or to be aligned by them. ` +
      'If values contain no spaces, set `delimiter` to " " (--delimiter " "); else convert the file to CSV. ' +
      'If the file has one column, set `delimiter` to "," (--delimiter ,).',
    { details: { file } },
  );
}

function noRows(file: string): SluiceError {
  return new SluiceError('FILE_UNREADABLE', `${file} has no rows. Upload a file with data.`, { details: { file } });
}

function firstRowTooLong(file: string): SluiceError {
  return new SluiceError(
    'FILE_UNREADABLE',
    `The first row of ${file} is longer than ${MAX_ROW_BYTES} bytes. End each row with a line break.`,
    { details: { file, limit: MAX_ROW_BYTES } },
  );
}

function tooManyColumns(file: string): SluiceError {
  return new SluiceError(
    'TOO_MANY_COLUMNS',
    `${file} has more than ${MAX_TABLE_COLUMNS} columns. ` +
      'Store one value per row instead of one per column, or split the table.',
    { details: { file, limit: MAX_TABLE_COLUMNS } },
  );
}
