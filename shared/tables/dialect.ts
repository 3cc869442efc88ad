import type { DecimalSeparator } from '#shared/contracts/column-types.ts';
import { isBlankRow, textCell } from './rules/cells.ts';
import { commonWidth, findHeader } from './rules/find-header.ts';
import { DelimitedScanner } from './scan-delimited.ts';
import { parseStagedRows } from './staged-form.ts';

/** How a delimited text is written. What the manifest does not declare is detected from the beginning of the text. */
export interface Dialect {
  delimiter: string;
  /** Names in the file; an empty name stays empty. Undefined without a header. */
  header: string[] | undefined;
  /** False when the header could also be data. */
  isHeaderCertain: boolean;
  columns: number;
  /** The line of the header, or of the first row of data. */
  firstLine: number;
  /** The line of the header, or of the last title above the table; rows up to it are not data. 0 without them. */
  skipThrough: number;
  /** Lines above the table that belong to no column. */
  titles: { count: number; line: number; text: string } | undefined;
  /** Whether a space follows each delimiter. It is not part of a value then. */
  stripBlanks: boolean;
  /** Rows from the beginning of the text that have a value for each column, without the header. */
  sample: (string | null)[][];
}

/** What the manifest declares. */
export interface DeclaredDialect {
  delimiter?: string | undefined;
  header?: boolean | undefined;
  decimal_separator?: DecimalSeparator | undefined;
  null_values?: string[] | undefined;
  /** Lines to skip at the beginning. */
  skip_lines?: number | undefined;
  comment?: string | undefined;
  quotes?: boolean | undefined;
}

/** Where the text begins that the dialect is detected from. */
export interface Head {
  bytes: Uint8Array;
  /** Whether it is the whole text. */
  isWhole: boolean;
  /** The number of its first line. */
  firstLine: number;
}

type Row = (string | null)[];

/** A row of the text, and its line. */
interface HeadRow {
  line: number;
  values: Row;
}

/**
 * Delimiters that are detected. Where two divide the rows equally well, the first one is used: text contains it less
 * often.
 */
const DELIMITERS = ['\t', ';', '|', ','] as const;

/** The dialect of a text. Undefined for a text without rows. */
export function detectDialect(head: Head, declared: DeclaredDialect): Dialect | undefined {
  const delimiter = declared.delimiter ?? detectDelimiter(head, declared);
  const rows = scanRows(head, delimiter, declared);
  const cells = rows.map(({ values }) => values.map((value) => (value === null ? null : textCell(value))));
  const found = findHeader(cells, {
    header: declared.header,
    titles: declared.skip_lines === undefined,
  });
  if (found === undefined) return undefined;
  const { columns, titles, firstRow } = found;
  const header = found.header === undefined ? undefined : rows[found.header];
  const last = rows[firstRow - 1];
  const [title] = rows;
  return {
    delimiter,
    header: header?.values.slice(0, columns).map((name) => name ?? ''),
    isHeaderCertain: found.isCertain,
    columns,
    firstLine: (header ?? rows[firstRow])?.line ?? head.firstLine,
    skipThrough: last?.line ?? 0,
    titles:
      titles === 0 || title === undefined
        ? undefined
        : { count: titles, line: title.line, text: title.values.find((value) => value !== null) ?? '' },
    stripBlanks: isSpaceAfterDelimiter(rows.slice(titles)),
    sample: rows.slice(firstRow).flatMap(({ values }) => (hasColumns(values, columns) ? [values] : [])),
  };
}

function hasColumns(values: Row, columns: number): boolean {
  return values.length >= columns && isBlankRow(values.slice(columns));
}

/** Whether all values after the first begin with a space, as in `1, 2, 3`. */
function isSpaceAfterDelimiter(rows: readonly HeadRow[]): boolean {
  const later = rows.flatMap(({ values }) => values.slice(1).filter((value) => value !== null));
  return rows.length > 1 && later.length > 1 && later.every((value) => value.startsWith(' '));
}

/**
 * The time that DuckDB needs to plan a statement grows with the square of its columns. With 5,000 it takes 5 s to
 * write one row.
 */
export const MAX_TABLE_COLUMNS = 5_000;

const SEPARATOR_LINE = /^sep=([\t !#-~])(?:\r\n?|\n)/;
const MAX_SEPARATOR_LINE_BYTES = 'sep=;\r\n'.length;

/** A first line such as `sep=;`, which declares the delimiter for Excel, and its length. It is not a row. */
export function separatorLine(head: Uint8Array): { delimiter: string; bytes: number } | undefined {
  const beginning = Buffer.from(head.subarray(0, MAX_SEPARATOR_LINE_BYTES)).toString('latin1');
  const [line, delimiter] = SEPARATOR_LINE.exec(beginning) ?? [];
  return line === undefined || delimiter === undefined ? undefined : { delimiter, bytes: line.length };
}

function scanRows(head: Head, delimiter: string, declared: DeclaredDialect): HeadRow[] {
  const scanner = new DelimitedScanner({
    delimiter,
    columns: undefined,
    maxColumns: MAX_TABLE_COLUMNS + 1, // One more, because an extra delimiter may end the row.
    nullValues: declared.null_values ?? [],
    quotes: declared.quotes,
    comment: declared.comment,
    firstLine: head.firstLine,
  });
  const complete = scanner.push(head.bytes);
  // The text may end inside a row. That row is used only when it is the only one.
  const last = head.isWhole || complete.length === 0 || scanner.hasStopped ? scanner.end() : Buffer.alloc(0);
  return parseStagedRows(Buffer.concat([complete, last]).toString());
}

/** Each delimiter is tried on so many bytes, if they have enough rows, else on the whole head. */
const DELIMITER_BYTES = 2 ** 15;
const DELIMITER_ROWS = 200;

function detectDelimiter(head: Head, declared: DeclaredDialect): string {
  const beginning = { ...head, bytes: head.bytes.subarray(0, DELIMITER_BYTES), isWhole: false };
  // Rows do not depend on the delimiter, except where a quote begins a value.
  const sample = scanRows(beginning, DELIMITERS[0], declared).length >= DELIMITER_ROWS ? beginning : head;
  // Text without a delimiter has one column, in which a decimal comma is not a delimiter.
  let best = { delimiter: declared.decimal_separator === ',' ? ';' : ',', share: 0 };
  for (const delimiter of DELIMITERS) {
    if (delimiter === ',' && declared.decimal_separator === ',') continue;
    const rows = scanRows(sample, delimiter, { ...declared, null_values: [] }).map(({ values }) =>
      values.map((text) => (text === null ? null : { text, kind: 'text' as const })),
    );
    const columns = commonWidth(rows);
    const share = rows.filter((row) => row.length === columns).length / rows.length;
    if (columns > 1 && share > best.share) best = { delimiter, share };
  }
  return best.delimiter;
}

/**
 * Whether the rows of a text without a delimiter are divided by spaces: every row has the same number of words, and one
 * of them is a number in each, or the columns are aligned by several spaces.
 */
export function looksSpaced({ header, sample }: Pick<Dialect, 'header' | 'sample'>): boolean {
  const texts = sample.flatMap(([value]) => value?.trim() ?? []);
  const all = [...(header ?? []), ...texts].map((text) => text.trim());
  if (texts.length === 0 || all.length < 2) return false;
  return haveEqualParts(all, /\s+/) ? hasNumberPart(texts) : haveEqualParts(all, /\s{2,}|\t/);
}

function haveEqualParts(texts: readonly string[], separator: RegExp): boolean {
  const counts = new Set(texts.map((text) => text.split(separator).length));
  return counts.size === 1 && !counts.has(1);
}

function hasNumberPart(texts: readonly string[]): boolean {
  const rows = texts.map((text) => text.split(/\s+/));
  return (rows[0] ?? []).some((_, part) => rows.every((row) => textCell(row[part] ?? '').kind === 'number'));
}
