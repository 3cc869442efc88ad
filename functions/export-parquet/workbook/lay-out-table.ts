import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { SEPARATOR, SEPARATOR_TEXT } from '#shared/tables/staged-form.ts';
import type { CellRow, CellKind } from '#shared/tables/rules/cells.ts';
import { findHeader } from '#shared/tables/rules/find-header.ts';
import { blankRowsSkipped, headerAbsent, headerAssumed, titlesSkipped } from '#shared/tables/rules/table-notes.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SheetCellKind } from './cell-values.ts';
import type { SheetColumnFacts, LeadingRow, WrittenSheet } from './sheet-writer.ts';

/** Where the table is in a sheet. */
export interface TableLayout {
  header: string[] | undefined;
  columns: number;
  /** Number of rows of data. */
  rows: number;
  /** The number of the first row of data, and the offset of its staged row. */
  firstRow: number;
  offset: number;
  /** Whether all rows of data have all columns. */
  isPadded: boolean;
  notes: Note[];
}

export interface LayoutOptions {
  file: string;
  /** Whether the first row holds the names, if the user declares it. */
  header: boolean | undefined;
  /** Rows at the beginning of the sheet to leave out, if the user declares it. Titles are then not looked for. */
  skipRows: number | undefined;
}

/**
 * Finds the names of the columns with the rules for all tables. The cells of a sheet have types, so a text that looks
 * like a number is a text. Throws FILE_UNREADABLE for a sheet without rows.
 */
export function layOutTable(sheet: WrittenSheet, options: LayoutOptions): TableLayout {
  const { file, header: declared, skipRows = 0 } = options;
  const { rows, bytes } = sheet;
  const leadingRows = sheet.leadingRows.filter(({ row }) => row > skipRows);
  const skipped = sheet.leadingRows.length - leadingRows.length;
  const width = leadingRows.reduce((widest, { cells }) => Math.max(widest, cells.length), 1);
  const cellRows = leadingRows.map(({ cells }) => headerCells(cells, width));
  const found = findHeader(cellRows, { header: declared, titles: options.skipRows === undefined });
  if (found === undefined)
    throw new SluiceError('FILE_UNREADABLE', `${file} has no rows. Upload a file with data.`, { details: { file } });
  const columns = usedColumns(sheet, leadingRows[found.titles]?.row ?? 0);
  const names = found.header === undefined ? undefined : cellRows[found.header];
  const header = names && Array.from({ length: columns }, (_, at) => names[at]?.text ?? '');
  const first = leadingRows[found.firstRow];
  const firstRow = first?.row ?? Number.POSITIVE_INFINITY;
  const notes: Note[] = [];
  const [title] = leadingRows;
  if (found.titles > 0 && title !== undefined)
    notes.push(titlesSkipped(file, found.titles, title.row, firstText(title), 'row'));
  const row = `row ${leadingRows[found.header ?? found.firstRow]?.row ?? 1}`;
  if (header === undefined && declared !== false) notes.push(headerAbsent(file, row));
  if (header !== undefined && !found.isCertain) notes.push(headerAssumed(file, header, row));
  const blank = blankRows({ ...sheet, leadingRows }, found.header ?? found.firstRow);
  if (blank.count > 0) notes.push(blankRowsSkipped(file, blank.count, blank.first, 'row'));
  return {
    header,
    columns,
    rows: rows - skipped - found.firstRow,
    firstRow,
    offset: first?.offset ?? bytes,
    isPadded:
      sheet.fewestValues >= columns && leadingRows.slice(found.firstRow).every(({ cells }) => cells.length >= columns),
    notes,
  };
}

/** The columns with a name or a value. Titles above the table can have values in others. */
function usedColumns({ columns }: WrittenSheet, firstRow: number): number {
  const isUsed = ({ lastRow, error, formula }: SheetColumnFacts) =>
    error !== undefined || formula !== undefined || Object.values(lastRow).some((row) => row >= firstRow);
  return Math.max(1, columns.findLastIndex(isUsed) + 1);
}

const KIND_OF: Record<SheetCellKind, CellKind> = {
  number: 'number',
  boolean: 'boolean',
  date: 'time',
  timestamp: 'time',
  time: 'time',
  text: 'text',
};

function headerCells(cells: LeadingRow['cells'], width: number): CellRow {
  return Array.from({ length: width }, (_, at) => {
    const cell = cells[at];
    return cell === undefined ? null : { text: cell.text, kind: KIND_OF[cell.kind] };
  });
}

function firstText({ cells }: LeadingRow): string {
  return cells.find((cell) => cell !== undefined)?.text ?? '';
}

/** Blank rows between those of the table; `from` is the index of its first row. */
function blankRows({ leadingRows, blankRows: later }: WrittenSheet, from: number): { count: number; first: number } {
  const total = { ...later };
  for (const [index, { row }] of [...leadingRows.entries()].slice(from + 1).reverse()) {
    const before = leadingRows[index - 1]?.row ?? row;
    if (row === before + 1) continue;
    total.count += row - before - 1;
    total.first = before + 1;
  }
  return total;
}

const CHUNK_BYTES = 2 ** 18;
const NEWLINE = 0x0a;

/**
 * Copies staged rows from an offset, and adds the blank cells at the end of each row, so that all rows have the same
 * number of values.
 */
export function copyRows(
  source: string,
  target: string,
  { offset, columns, isPadded }: Pick<TableLayout, 'offset' | 'columns' | 'isPadded'>,
  onProgress: () => void,
): void {
  const from = openSync(source, 'r');
  const to = openSync(target, 'w');
  const chunk = Buffer.alloc(CHUNK_BYTES);
  const padding = new RowPadding(columns);
  try {
    for (let position = offset; ;) {
      const size = readSync(from, chunk, 0, CHUNK_BYTES, position);
      if (size === 0) return;
      position += size;
      const bytes = chunk.subarray(0, size);
      if (isPadded) writeAll(to, bytes);
      else padding.write(bytes, (part) => writeAll(to, part));
      onProgress();
    }
  } finally {
    closeSync(from);
    closeSync(to);
  }
}

function writeAll(descriptor: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
}

/** Adds separators to the ends of rows. A row can be in several chunks. */
class RowPadding {
  readonly #columns: number;
  readonly #separators: Buffer;
  #values = 0;

  constructor(columns: number) {
    this.#columns = columns;
    this.#separators = Buffer.from(SEPARATOR_TEXT.repeat(columns));
  }

  write(chunk: Buffer, write: (part: Buffer) => void): void {
    let parts: Buffer[] = [];
    let [start, bytes] = [0, 0];
    const add = (part: Buffer) => {
      parts.push(part);
      bytes += part.length;
      if (bytes < CHUNK_BYTES) return;
      write(Buffer.concat(parts));
      parts = [];
      bytes = 0;
    };
    for (let at = 0; at < chunk.length; at++) {
      if (chunk[at] === SEPARATOR) this.#values++;
      else if (chunk[at] === NEWLINE) {
        if (this.#values < this.#columns) {
          add(chunk.subarray(start, at));
          add(this.#separators.subarray(this.#values));
          start = at;
        }
        this.#values = 0;
      }
    }
    add(chunk.subarray(start));
    write(Buffer.concat(parts));
  }
}
