import { closeSync, openSync, writeSync } from 'node:fs';
import { MAX_TABLE_COLUMNS } from '#shared/tables/dialect.ts';
import { MAX_ROW_BYTES } from '#shared/tables/row-writer.ts';
import { ESCAPE_TEXT, ESCAPED, SEPARATOR_TEXT } from '#shared/tables/staged-form.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { CELL_KINDS, type SheetCellKind, type CellValue } from './cell-values.ts';

/** The limit of Excel and of LibreOffice. */
const MAX_ROWS = 1_048_576;
/** Number of characters that are buffered before a write. */
const BUFFER_CHARACTERS = 2 ** 18;
/** Rows, and characters of them, in which the names of the columns are looked for. */
const LEADING_ROWS = 1_000;
const LEADING_CHARACTERS = 2 ** 22;
/** A sheet of text compresses up to about 20:1. A few bytes can repeat a row or a text a million times. */
const MAX_RATIO = 200;
/** A smaller result may have any ratio, because it cannot exhaust the disk. */
const MIN_BYTES_OF_BOMB = 100 * 2 ** 20;
/** Characters of what a sheet shows in a cell without a value. Errors of Excel are shorter. */
const SHOWN_CHARACTERS = 20;

/** Characters of a row number and a line break, and bytes of a character of JavaScript in UTF-8. */
const MAX_NUMBER_CHARACTERS = 8;
const MAX_BYTES_PER_CHARACTER = 3;

/** Why a cell has no value, although the sheet shows something in it. */
export type LostCell = 'error' | 'formula';

/** The cells of a column that have no value for the same reason. */
export interface LostCells {
  count: number;
  /** Address of the first cell, such as `C3`. */
  cell: string;
  /** What the sheet shows in it, such as `#N/A`. */
  shown: string;
}

/** What the cells of one column hold. */
export interface SheetColumnFacts {
  /** For each kind, the last row with a cell of that kind. */
  lastRow: Partial<Record<SheetCellKind, number>>;
  /** Whether a text of the column has an escape. */
  escaped: boolean;
  error?: LostCells;
  formula?: LostCells;
}

/** One of the first rows. Cells that are missing are blank. */
export interface LeadingRow {
  row: number;
  /** The offset of its staged row. */
  offset: number;
  cells: (CellValue | undefined)[];
}

/** The rows of a sheet in the staged form. A row ends with its last value, so rows have different numbers of values. */
export interface WrittenSheet {
  columns: SheetColumnFacts[];
  leadingRows: LeadingRow[];
  /** Number of rows with a value. */
  rows: number;
  /** Blank rows after the leading rows, between rows that are not blank, and the first of them. */
  blankRows: { count: number; first: number };
  bytes: number;
  /** The fewest values of a row after the leading rows, and the bytes of the longest row with all columns. */
  fewestValues: number;
  longestRow: number;
}

export interface SheetWriterOptions {
  path: string;
  /** The name in the manifest, for messages. */
  file: string;
  /** Size of the workbook in bytes. */
  sizeBytes: number;
  maxBytes: number;
  nullValues: readonly string[];
}

/**
 * Writes the rows of a sheet in the staged form, and records what the cells of each column hold. Blank rows are left
 * out. Writes synchronously, in a worker, so that memory does not grow however many rows a piece of XML describes.
 */
export class SheetWriter implements Disposable {
  private readonly options: SheetWriterOptions;
  private readonly nulls: ReadonlySet<string>;
  private readonly descriptor: number;
  private readonly columns: (SheetColumnFacts | undefined)[] = [];
  private readonly leadingRows: LeadingRow[] = [];
  private leadingCharacters = 0;
  private readonly blankRows = { count: 0, first: 0 };
  private readonly maxBytes: number;
  private rows = 0;
  /** The current row, and the last row that was not blank. */
  private row = 0;
  private lastRow = 0;
  private cells: string[] = [];
  /** The values of a leading row. */
  private values: (CellValue | undefined)[] = [];
  private lost: LostCells[] = [];
  private rowCharacters = 0;
  private buffer = '';
  private bytes = 0;
  private fewestValues = Number.POSITIVE_INFINITY;
  private longestRow = 0;

  constructor(options: SheetWriterOptions) {
    this.options = options;
    this.nulls = new Set(options.nullValues);
    this.maxBytes = Math.min(options.maxBytes, Math.max(MIN_BYTES_OF_BOMB, options.sizeBytes * MAX_RATIO));
    this.descriptor = openSync(options.path, 'w');
  }

  /** Begins the row with this number, counted from 1. The rows before it are blank. */
  startRow(row: number): void {
    if (row <= this.row) throw this.unreadable(`has row ${row} after row ${this.row}`);
    this.row = row;
  }

  /** Adds `count` equal cells, from a column that is counted from 0. An empty text is a blank cell. */
  addCell(column: number, value: CellValue, count = 1): void {
    const { kind, text } = value;
    if (text === '' || this.nulls.has(text)) return;
    const last = column + count - 1;
    if (last >= MAX_TABLE_COLUMNS) throw this.tooManyColumns(last);
    const cell = kind === 'text' ? escaped(text) : text;
    this.rowCharacters += cell.length * count;
    if (this.rowCharacters > MAX_ROW_BYTES)
      throw this.unreadable(`has more than ${MAX_ROW_BYTES} characters in row ${this.row}`);
    for (let at = column; at <= last; at++) {
      if (this.cells[at] !== undefined) throw this.unreadable(`has two cells ${cellName(at, this.row)}`);
      this.cells[at] = cell;
      const facts = this.factsOf(at);
      facts.lastRow[kind] = this.row;
      if (cell !== text) facts.escaped = true;
      if (this.isLeading) this.values[at] = value;
    }
  }

  /** Records cells whose value is not in the file. They are blank. */
  addLostCell(column: number, lost: LostCell, shown: string, count = 1): void {
    if (column + count > MAX_TABLE_COLUMNS) throw this.tooManyColumns(column + count - 1);
    for (let at = column; at < column + count; at++) {
      const facts = this.factsOf(at);
      const cell = cellName(at, this.row);
      const cells = (facts[lost] ??= { count: 0, cell, shown: shown.slice(0, SHOWN_CHARACTERS) });
      cells.count++;
      this.lost.push(cells);
    }
  }

  /** Ends the row, and repeats it. A row whose cells are all blank is not written, and the result is false. */
  endRow(count = 1): boolean {
    if (this.cells.length === 0 && this.lost.length === 0) return false;
    const last = this.row + count - 1;
    if (last > MAX_ROWS) throw this.unreadable(`has more than ${MAX_ROWS} rows`);
    if (count > 1) this.repeatFacts(last);
    this.countBlankRows();
    const values = this.cells.length === 0 ? '' : SEPARATOR_TEXT + this.cells.join(SEPARATOR_TEXT);
    if (values.length > this.longestRow / MAX_BYTES_PER_CHARACTER)
      this.longestRow = Math.max(this.longestRow, Buffer.byteLength(values));
    if (!this.isLeading) this.fewestValues = Math.min(this.fewestValues, this.cells.length);
    for (let row = this.row; row <= last; row++) {
      if (this.isLeading) this.addLeadingRow(row);
      this.append(`${row}${values}\n`);
    }
    this.rows += count;
    this.row = last;
    this.lastRow = last;
    this.cells = [];
    this.values = [];
    this.lost = [];
    this.rowCharacters = 0;
    return true;
  }

  /** Writes the rest and returns what the sheet holds. */
  end(): WrittenSheet {
    this.flush();
    const columns = Array.from(this.columns, (facts) => facts ?? newFacts());
    // Each row will have all columns.
    if (this.rows * columns.length > this.maxBytes) throw this.tooLarge();
    return {
      columns,
      leadingRows: this.leadingRows,
      rows: this.rows,
      blankRows: this.blankRows,
      bytes: this.bytes,
      fewestValues: this.fewestValues,
      longestRow: this.longestRow + columns.length + MAX_NUMBER_CHARACTERS,
    };
  }

  [Symbol.dispose](): void {
    closeSync(this.descriptor);
  }

  unreadable(problem: string): SluiceError {
    const { file } = this.options;
    return new SluiceError(
      'FILE_UNREADABLE',
      `${file} ${problem}. Save the workbook again, or save its sheet as CSV.`,
      {
        details: { file },
      },
    );
  }

  private get isLeading(): boolean {
    return this.leadingRows.length < LEADING_ROWS && this.leadingCharacters < LEADING_CHARACTERS;
  }

  private addLeadingRow(row: number): void {
    this.flush(); // The offset is then known.
    this.leadingRows.push({ row, offset: this.bytes, cells: this.values });
    this.leadingCharacters += this.rowCharacters;
  }

  private countBlankRows(): void {
    const blank = this.row - this.lastRow - 1;
    if (blank === 0 || this.isLeading) return;
    this.blankRows.first ||= this.lastRow + 1;
    this.blankRows.count += blank;
  }

  private factsOf(column: number): SheetColumnFacts {
    return (this.columns[column] ??= newFacts());
  }

  private repeatFacts(last: number): void {
    for (const cells of this.lost) cells.count += last - this.row;
    for (const column of this.cells.keys()) {
      const lastRow = this.columns[column]?.lastRow ?? {};
      for (const kind of CELL_KINDS) if (lastRow[kind] === this.row) lastRow[kind] = last;
    }
  }

  private append(text: string): void {
    this.buffer += text;
    if (this.buffer.length >= BUFFER_CHARACTERS) this.flush();
  }

  private flush(): void {
    const bytes = Buffer.from(this.buffer);
    this.buffer = '';
    this.bytes += bytes.length;
    if (this.bytes > this.maxBytes) throw this.tooLarge();
    for (let at = 0; at < bytes.length;) at += writeSync(this.descriptor, bytes, at);
  }

  private tooLarge(): SluiceError {
    const { file } = this.options;
    return new SluiceError(
      'FILE_TOO_LARGE',
      `The sheet of ${file} unpacks to more than ${this.maxBytes} bytes. Delete unused rows and columns.`,
      { details: { file, limit: this.maxBytes } },
    );
  }

  private tooManyColumns(column: number): SluiceError {
    const { file } = this.options;
    const cell = cellName(column, this.row);
    return new SluiceError(
      'TOO_MANY_COLUMNS',
      `${file} has a value in cell ${cell}; a table has at most ${MAX_TABLE_COLUMNS} columns. ` +
        'Delete the cells in the last columns, or split the sheet.',
      { details: { file, limit: MAX_TABLE_COLUMNS } },
    );
  }
}

function newFacts(): SheetColumnFacts {
  return { lastRow: {}, escaped: false };
}

const LETTER_OF = new Map<string, string>(ESCAPED.map(({ letter, text }) => [text, letter]));
/** The characters that ESCAPED replaces. */
const TO_ESCAPE = /[\n\r\u001a\u001f]/;
const ALL_TO_ESCAPE = /[\n\r\u001a\u001f]/g;

function escaped(text: string): string {
  if (!TO_ESCAPE.test(text)) return text;
  return text.replaceAll(ALL_TO_ESCAPE, (character) => ESCAPE_TEXT + (LETTER_OF.get(character) ?? ''));
}

const [A, LETTERS] = [65, 26];

/** The name of a cell: `AA7`. The column is counted from 0. */
export function cellName(column: number, row: number): string {
  return `${columnLetters(column)}${row}`;
}

function columnLetters(column: number): string {
  const last = String.fromCharCode(A + (column % LETTERS));
  return column < LETTERS ? last : columnLetters(Math.floor(column / LETTERS) - 1) + last;
}
