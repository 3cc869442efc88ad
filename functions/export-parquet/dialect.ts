import { DelimitedScanner } from './scan-delimited.ts';
import { stagedRows } from './staged-text.ts';

/** How a delimited text is written, told by its beginning where the manifest does not say. */
export interface Dialect {
  delimiter: string;
  hasHeader: boolean;
  /** Names in the file; empty ones stay empty. Without a header, undefined. */
  header: string[] | undefined;
  columns: number;
  /** Rows of the beginning, without the header, for a first look at types. */
  sample: (string | null)[][];
}

/** What the manifest says. */
export interface DeclaredDialect {
  delimiter?: string | undefined;
  header?: boolean | undefined;
  decimal_separator?: string | undefined;
  null_values?: string[] | undefined;
  /** Values in a row, where something else than the text tells. */
  width?: number | undefined;
}

/** Delimiters that are looked for; where two divide the rows equally well, the one that text holds less often wins. */
const DELIMITERS = ['\t', ';', '|', ','];

/** The dialect of a text that begins with `head`; `isWhole` when that is all of it. Undefined for a text without any row. */
export function detectDialect(head: Uint8Array, isWhole: boolean, declared: DeclaredDialect): Dialect | undefined {
  const delimiter = declared.delimiter ?? detectDelimiter(head, isWhole, declared);
  const rows = rowsOf(head, isWhole, delimiter, declared.null_values ?? []);
  const [first, ...others] = rows;
  if (first === undefined) return undefined;
  const hasHeader = declared.header ?? beginsWithHeader(first, others, declared.decimal_separator ?? '.');
  const columns = declared.width ?? (hasHeader ? first.length : usualLength(rows));
  return {
    delimiter,
    hasHeader,
    columns,
    header: hasHeader ? first.slice(0, columns).map((name) => name ?? '') : undefined,
    sample: hasHeader ? others : rows,
  };
}

/** A first line such as `sep=;`, by which Excel is told the delimiter, and how many bytes it takes. It is no row. */
export function separatorLine(head: Uint8Array): { delimiter: string; bytes: number } | undefined {
  const [line, delimiter] =
    SEPARATOR_LINE.exec(Buffer.from(head.subarray(0, MAX_SEPARATOR_LINE_BYTES)).toString('latin1')) ?? [];
  return line === undefined || delimiter === undefined ? undefined : { delimiter, bytes: line.length };
}

const SEPARATOR_LINE = /^sep=([\t !#-~])(?:\r\n?|\n)/;
const MAX_SEPARATOR_LINE_BYTES = 'sep=;\r\n'.length;

function rowsOf(
  head: Uint8Array,
  isWhole: boolean,
  delimiter: string,
  nullValues: readonly string[],
): (string | null)[][] {
  const scanner = new DelimitedScanner({ delimiter, columns: undefined, hasHeader: false, nullValues });
  const whole = scanner.push(head);
  // The last row may be cut where the beginning ends; when it is the only one, its beginning must do.
  const last = isWhole || whole.length === 0 ? scanner.end() : Buffer.alloc(0);
  return stagedRows(Buffer.concat([whole, last]).toString());
}

function detectDelimiter(head: Uint8Array, isWhole: boolean, { decimal_separator }: DeclaredDialect): string {
  let best = { delimiter: ',', share: 0, columns: 1 };
  for (const delimiter of DELIMITERS) {
    if (delimiter === ',' && decimal_separator === ',') continue;
    const rows = rowsOf(head, isWhole, delimiter, []);
    const columns = usualLength(rows);
    const share = rows.filter((row) => row.length === columns).length / rows.length;
    if (columns > 1 && share > best.share) best = { delimiter, share, columns };
  }
  return best.delimiter;
}

function usualLength(rows: readonly unknown[][]): number {
  const counts = new Map<number, number>();
  for (const { length } of rows) counts.set(length, (counts.get(length) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? 0;
}

type Kind = 'number' | 'time' | 'boolean' | 'text';

/** A whole number that can be a year names a column as often as it is a value. */
const YEAR = /^(1[89]|20|21)\d\d$/;

/**
 * Whether the first row names the columns. It does, unless every value of it fits the column below, and one of them is a number, a date or
 * a boolean: what is all text, or has no row below, begins with names.
 */
function beginsWithHeader(
  first: readonly (string | null)[],
  others: readonly (string | null)[][],
  decimal: string,
): boolean {
  const fits = first.map((value, column) => {
    const kind = value === null || YEAR.test(value) ? undefined : kindOf(value, decimal);
    const below = kindOfColumn(others, column, decimal);
    return {
      typed: kind !== undefined && kind !== 'text',
      contradicts: below !== undefined && below !== 'text' && value !== null && kindOf(value, decimal) !== below,
    };
  });
  return fits.some(({ contradicts }) => contradicts) || !fits.some(({ typed }) => typed);
}

function kindOfColumn(rows: readonly (string | null)[][], column: number, decimal: string): Kind | undefined {
  const kinds = new Set(rows.flatMap((row) => row[column] || []).map((value) => kindOf(value, decimal)));
  const [only] = kinds;
  return kinds.size > 1 ? 'text' : only;
}

function kindOf(value: string, decimal: string): Kind {
  const text = value.trim();
  if (/^(true|false)$/i.test(text)) return 'boolean';
  if (/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(decimal === ',' ? text.replace(',', '.') : text)) return 'number';
  if (/^\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?$/.test(text)) return 'time';
  return 'text';
}
