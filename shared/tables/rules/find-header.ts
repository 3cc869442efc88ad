import type { Note } from '#shared/contracts/shared-schemas.ts';
import { namesForColumns } from '#shared/contracts/column-names.ts';
import { type Cell, type CellKind, type CellRow, isBlankRow, looksMissing } from './cells.ts';

/** Where the names and the rows of a table begin, as indexes of the given rows. */
export interface FoundHeader {
  /** The row with the names; undefined when there is none. */
  header: number | undefined;
  /** Index of the first row of data. */
  firstRow: number;
  /** Rows before the names that belong to no column: titles, sources. They are not part of the table. */
  titles: number;
  /** Columns of the table. Trailing columns that have neither a name nor a value are not counted. */
  columns: number;
  /** False when the row of names could also be data. The asset then gets a note. */
  isCertain: boolean;
}

export interface HeaderOptions {
  /** Whether the first row holds the names, if the user declares it. */
  header?: boolean | undefined;
  /** False when the first row is not a title, because the user declared how many lines to skip. */
  titles?: boolean | undefined;
}

/** Rows that are compared with the first one. */
const COMPARED_ROWS = 1_000;
/** Titles above a table are a few lines. */
const MAX_TITLES = 30;

/**
 * Finds the names of the columns in the first rows of a table, without blank rows. Title rows above the names have one
 * value in a table of several columns. The row after them holds the names, unless its values are of the same kinds as
 * those below. So a table of texts has a header. Undefined without rows.
 */
export function findHeader(rows: readonly CellRow[], options: HeaderOptions = {}): FoundHeader | undefined {
  if (rows.length === 0) return undefined;
  const common = commonWidth(rows);
  const titles = options.titles === false ? 0 : countTitles(rows, common);
  const first = rows[titles] ?? [];
  const below = rows.slice(titles + 1, titles + 1 + COMPARED_ROWS);
  const others = below.filter((row) => row.length >= common && widthOf(row) <= common);
  const evidence = compare(first, others);
  const hasHeader = options.header ?? evidence.isHeader;
  const table = [...(hasHeader ? [first] : []), ...rows.slice(titles)];
  return {
    header: hasHeader ? titles : undefined,
    firstRow: hasHeader ? titles + 1 : titles,
    titles,
    columns: usedColumns(table, hasHeader ? first.length : common),
    isCertain: options.header !== undefined || !hasHeader || evidence.isCertain,
  };
}

/** The most frequent number of values; of several, the greatest. Titles at the beginning are not counted. */
export function commonWidth(rows: readonly CellRow[]): number {
  const start = rows.slice(0, MAX_TITLES).findIndex((row) => row.length > 1);
  const after = mostFrequentLength(rows.slice(Math.max(start, 0)));
  return after.share < 0.5 || after.count < 2 ? mostFrequentLength(rows).length : after.length;
}

function mostFrequentLength(rows: readonly CellRow[]): { length: number; count: number; share: number } {
  const counts = new Map<number, number>();
  for (const { length } of rows) counts.set(length, (counts.get(length) ?? 0) + 1);
  const [[length, count] = [0, 0]] = [...counts].sort(([a, x], [b, y]) => y - x || b - a);
  return { length, count, share: count / rows.length };
}

/** The number of values without the empty ones at the end. */
function widthOf(row: CellRow): number {
  return row.findLastIndex((cell) => cell !== null) + 1;
}

/** `columns` without those at the end that are empty in all rows. Rows of another width are left out. */
function usedColumns(rows: readonly CellRow[], columns: number): number {
  const used = rows.reduce((widest, row) => (row.length > columns ? widest : Math.max(widest, widthOf(row))), 0);
  return Math.min(columns, Math.max(used, 1));
}

/**
 * Lines of one value above a table are titles. Rows of several values, such as `Station,Berlin`, and titles with empty
 * values after them, are titles only when a header follows.
 */
function countTitles(rows: readonly CellRow[], columns: number): number {
  if (columns < 2) return 0;
  const firstRows = rows.slice(0, MAX_TITLES + 1);
  const isFull = (row: CellRow) => row.length >= columns && valuesOf(row) > columns / 2;
  for (const count of [firstRows.findIndex(isFull), firstRows.findIndex((row) => valuesOf(row) > 1)]) {
    const before = rows.slice(0, count);
    if (count <= 0) continue;
    if (before.every(({ length }) => length === 1)) return count;
    const { isHeader, isCertain } = compare(rows[count] ?? [], rows.slice(count + 1, count + 1 + COMPARED_ROWS));
    const areTitles = before.every((row) => valuesOf(row) === 1);
    if (isHeader && (isCertain || areTitles) && before.every((row) => isShort(row, columns))) return count;
  }
  return 0;
}

function isShort(row: CellRow, columns: number): boolean {
  return widthOf(row) < columns && row[0] !== null;
}

function valuesOf(row: CellRow): number {
  return row.filter((cell) => cell !== null).length;
}

/** A year is as often the name of a column as a value. */
const YEAR = /^(1[89]|20|21)\d\d$/;
/** Words that name a column of numbers or times in most tables, and are seldom values, as `total` is. */
const USUAL_NAME =
  /(?:^|[^\p{L}])(?:id|fid|gid|nr|no|num|number|code|key|index|year|jahr|month|day|date|time|datetime|timestamp|value|wert|count|amount|price|preis|lon|lng|long|lat|longitude|latitude|x|y|z|easting|northing|pop|population|area|size|rate|height|width|length|weight|age|score|percent)(?:$|[^\p{L}])/iu;
/** So many values of one kind, and another one only in the first row, identify a header. */
const MIN_CERTAIN_ROWS = 100;
/** So many columns with another kind of value only in the first row identify a header. */
const MIN_CERTAIN_COLUMNS = 3;
/** A column has a kind when this share of its values has it. The others can be units or remarks. */
const MIN_KIND_SHARE = 0.9;

/** Whether a row holds the names of the columns of the rows below it. A row without a value does not. */
function compare(first: CellRow, others: readonly CellRow[]): { isHeader: boolean; isCertain: boolean } {
  if (isBlankRow(first)) return { isHeader: false, isCertain: true };
  let [different, typed] = [0, 0];
  const sameCells: Cell[] = [];
  let usual = false;
  const years = first.filter((cell) => cell !== null && isYear(cell)) as Cell[];
  for (const [column, cell] of first.entries()) {
    if (cell === null) continue;
    const below = others.flatMap((row) => row[column] ?? []).filter(({ text }) => !looksMissing(text));
    const kind = kindOfCells(below);
    if (isYear(cell)) {
      if (years.length < 2 && below.length > 0 && below.every(isYear)) sameCells.push(cell);
    } else if (kind === undefined || kind === 'text') {
      if (cell.kind !== 'text') typed++;
    } else if (cell.kind === kind || looksMissing(cell.text)) sameCells.push(cell);
    else {
      different++;
      usual ||= USUAL_NAME.test(cell.text);
    }
  }
  // Names such as 1, 2, 3, … for days.
  const same = different > 0 && isSequence(sameCells) ? 0 : sameCells.length;
  if (different > 0) {
    const isClear = different >= MIN_CERTAIN_COLUMNS || usual || isSequence(years) || others.length >= MIN_CERTAIN_ROWS;
    return { isHeader: different > same, isCertain: same === 0 && isClear };
  }
  return { isHeader: same === 0 && typed === 0, isCertain: isSequence(years) };
}

function isYear({ text }: Cell): boolean {
  return YEAR.test(text.trim());
}

/** Whether the values are at least two numbers with the same distance, such as the years 1990, 2000, 2010. */
function isSequence(cells: readonly Cell[]): boolean {
  const numbers = cells.map(({ text }) => Number(text));
  const step = (numbers[1] ?? 0) - (numbers[0] ?? 0);
  return (
    numbers.length > 1 && step > 0 && numbers.every((number, index) => number === (numbers[0] ?? 0) + index * step)
  );
}

function kindOfCells(cells: readonly Cell[]): CellKind | undefined {
  if (cells.length === 0) return undefined;
  const counts = new Map<CellKind, number>();
  for (const { kind } of cells) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const [[kind, count] = ['text' as const, 0]] = [...counts].sort(([, a], [, b]) => b - a);
  return count >= cells.length * MIN_KIND_SHARE ? kind : 'text';
}

/**
 * Names for the columns of a file: those of the header without blanks around them, or `column_N` where it has none.
 * `reserved` are names that no column may have. Each change of a name is a note.
 */
export function nameColumns(
  header: readonly string[] | undefined,
  count: number,
  file: string,
  reserved: readonly string[] = [],
): { names: string[]; notes: Note[] } {
  const inFile = header?.map((name) => name.trim());
  const wanted = Array.from({ length: count }, (_, index) => inFile?.[index] || `column_${index + 1}`);
  const { names, notes } = namesForColumns(wanted, reserved, file);
  const unnamed = (inFile ?? []).flatMap((name, index) =>
    name === '' && index < count ? [unnamedColumn(index, names[index] ?? '', file)] : [],
  );
  return { names, notes: [...unnamed, ...notes] };
}

function unnamedColumn(index: number, name: string, file: string): Note {
  return {
    code: 'COLUMN_RENAMED',
    column: name,
    file,
    message: `Column ${index + 1} has no name in the file; it was named ${JSON.stringify(name)}.`,
  };
}
