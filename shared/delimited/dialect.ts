import { DelimitedScanner } from './scan-delimited.ts';
import { parseStagedRows } from './staged-form.ts';

/** How a delimited text is written. What the manifest does not declare is detected from the beginning of the text. */
export interface Dialect {
  delimiter: string;
  hasHeader: boolean;
  /** Names in the file; an empty name stays empty. Undefined without a header. */
  header: string[] | undefined;
  columns: number;
  /** Rows from the beginning of the text, without the header. */
  sample: (string | null)[][];
}

/** What the manifest declares. */
export interface DeclaredDialect {
  delimiter?: string | undefined;
  header?: boolean | undefined;
  decimal_separator?: string | undefined;
  null_values?: string[] | undefined;
  /** Number of values in a row, if the caller specifies it. */
  width?: number | undefined;
}

type Row = (string | null)[];

/**
 * Delimiters that are detected. Where two divide the rows equally well, the first one is used: text contains it less
 * often.
 */
const DELIMITERS = ['\t', ';', '|', ','];

/**
 * The dialect of a text that begins with `head`. `isWhole` is true when `head` is the whole text. Undefined for a text
 * without rows.
 */
export function detectDialect(head: Uint8Array, isWhole: boolean, declared: DeclaredDialect): Dialect | undefined {
  const delimiter = declared.delimiter ?? detectDelimiter(head, isWhole, declared);
  const rows = scanRows(head, isWhole, delimiter, declared.null_values ?? []);
  const [first, ...others] = rows;
  if (first === undefined) return undefined;
  const hasHeader = declared.header ?? looksLikeHeader(first, others, declared.decimal_separator ?? '.');
  const columns = declared.width ?? (hasHeader ? first.length : mostFrequentLength(rows));
  return {
    delimiter,
    hasHeader,
    columns,
    header: hasHeader ? first.slice(0, columns).map((name) => name ?? '') : undefined,
    sample: hasHeader ? others : rows,
  };
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

function scanRows(head: Uint8Array, isWhole: boolean, delimiter: string, nullValues: readonly string[]): Row[] {
  // One more, because an extra delimiter may end the row.
  const maxColumns = MAX_TABLE_COLUMNS + 1;
  const scanner = new DelimitedScanner({ delimiter, columns: undefined, maxColumns, hasHeader: false, nullValues });
  const complete = scanner.push(head);
  // `head` may end inside a row. That row is used only when it is the only one.
  const last = isWhole || complete.length === 0 || scanner.hasStopped ? scanner.end() : Buffer.alloc(0);
  return parseStagedRows(Buffer.concat([complete, last]).toString());
}

function detectDelimiter(head: Uint8Array, isWhole: boolean, { decimal_separator }: DeclaredDialect): string {
  let best = { delimiter: ',', share: 0 };
  for (const delimiter of DELIMITERS) {
    if (delimiter === ',' && decimal_separator === ',') continue;
    const rows = scanRows(head, isWhole, delimiter, []);
    const columns = mostFrequentLength(rows);
    const share = rows.filter((row) => row.length === columns).length / rows.length;
    if (columns > 1 && share > best.share) best = { delimiter, share };
  }
  return best.delimiter;
}

function mostFrequentLength(rows: readonly unknown[][]): number {
  const counts = new Map<number, number>();
  for (const { length } of rows) counts.set(length, (counts.get(length) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? 0;
}

type Kind = 'number' | 'time' | 'boolean' | 'text';

/** A year is as often the name of a column as a value. */
const YEAR = /^(1[89]|20|21)\d\d$/;

/**
 * Whether the first row holds the names of the columns. It does not when each of its values is of the same kind as the
 * values below it, and one of them is a number, a time or a boolean. So a table of texts, and a table of one row of
 * texts, has a header.
 */
function looksLikeHeader(first: Row, others: readonly Row[], decimal: string): boolean {
  const columns = first.map((value, column) => {
    if (value === null) return { isTyped: false, differs: false };
    const kind = kindOf(value, decimal);
    const below = kindOfColumn(others, column, decimal);
    return {
      isTyped: kind !== 'text' && !YEAR.test(value),
      differs: below !== undefined && below !== 'text' && kind !== below,
    };
  });
  return columns.some(({ differs }) => differs) || !columns.some(({ isTyped }) => isTyped);
}

function kindOfColumn(rows: readonly Row[], column: number, decimal: string): Kind | undefined {
  const kinds = new Set(rows.flatMap((row) => row[column] || []).map((value) => kindOf(value, decimal)));
  const [only] = kinds;
  return kinds.size > 1 ? 'text' : only;
}

function kindOf(value: string, decimal: string): Kind {
  const text = value.trim();
  if (/^(true|false)$/i.test(text)) return 'boolean';
  if (/^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i.test(decimal === ',' ? text.replace(',', '.') : text)) return 'number';
  if (/^\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?$/.test(text)) return 'time';
  return 'text';
}
