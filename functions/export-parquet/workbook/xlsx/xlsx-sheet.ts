import { type CellValue, type FormatKind, isoValue, joinText, numberText, serialValue } from '../cell-values.ts';
import { isTrue, readXlsxWorkbook, SPREADSHEET_NAMESPACES, type XlsxWorkbook } from './xlsx-parts.ts';
import { type SharedStrings, SharedStringsHandler, TextCollector, unescapeText } from './shared-strings.ts';
import type { SheetWriter } from '../sheet-writer.ts';
import {
  countHidden,
  type MakeWriter,
  MAX_HIDDEN_RANGES,
  type ReadSheet,
  sheetMissing,
  type WorkbookFile,
} from '../workbook.ts';
import { type Attributes, type Parts, readPart, type XmlHandler } from '../xml-reader.ts';

/** Reads the chosen sheet of an XLSX file into a writer. Throws LAYER_MISSING, FILE_UNREADABLE, FILE_TOO_LARGE. */
export async function readXlsxSheet(
  workbook: WorkbookFile,
  parts: Parts,
  strings: SharedStrings,
  makeWriter: MakeWriter,
): Promise<ReadSheet> {
  const described = await readXlsxWorkbook(parts);
  const names = described.sheets.map(({ name }) => name);
  const chosen = described.sheets.filter(({ name }) => workbook.sheet === undefined || name === workbook.sheet);
  if (described.sharedStrings !== undefined && chosen.length > 0)
    await readPart(parts, described.sharedStrings, SPREADSHEET_NAMESPACES, new SharedStringsHandler(strings));
  for (const { name, part } of chosen) {
    using writer = makeWriter();
    const handler = new XlsxSheetHandler(described, strings, writer);
    if (!(await readPart(parts, part, SPREADSHEET_NAMESPACES, handler))) throw writer.unreadable(`has no part ${part}`);
    const written = writer.end();
    if (written.rows === 0 && workbook.sheet === undefined) continue;
    const otherSheets = names.filter((other) => other !== name);
    const { hiddenRows, mergedRanges } = handler;
    const hiddenColumns = handler.hiddenColumnsOf(written.columns.length);
    return { ...written, name, otherSheets, hiddenRows, hiddenColumns, mergedRanges };
  }
  throw sheetMissing(workbook, names);
}

const [A, LETTERS] = [64, 26];
const ROW_NUMBER = /^[1-9]\d{0,6}$/;
/** Letters of a reference; Excel has at most three. */
const MAX_LETTERS = 6;

/**
 * The column of a reference such as `AA7`, counted from 0, and its row. Undefined for a text that is not a reference.
 * Not a regular expression, because it is called for each cell.
 */
export function parseReference(reference: string): { column: number; row: number } | undefined {
  let column = 0;
  let at = 0;
  for (; at < reference.length && at <= MAX_LETTERS; at++) {
    const letter = (reference.charCodeAt(at) & ~0x20) - A;
    if (letter < 1 || letter > LETTERS) break;
    column = column * LETTERS + letter;
  }
  const row = reference.slice(at);
  return at > 0 && ROW_NUMBER.test(row) ? { column: column - 1, row: Number(row) } : undefined;
}

/** The cell that is being read. */
interface Cell {
  column: number;
  type: string;
  format: FormatKind;
  hasFormula: boolean;
  hasValue: boolean;
}

/** Writes the cells of a worksheet. Cells and rows without a reference follow the one before them. */
class XlsxSheetHandler implements XmlHandler {
  hiddenRows = 0;
  mergedRanges = 0;
  private readonly hiddenColumns: [first: number, last: number][] = [];
  private readonly workbook: XlsxWorkbook;
  private readonly strings: SharedStrings;
  private readonly writer: SheetWriter;
  private readonly inline: TextCollector;
  private row = 0;
  private isRowStarted = false;
  private inRow = false;
  private isHidden = false;
  private column = -1;
  private cell: Cell | undefined;
  private inValue = false;
  private inInline = false;
  private cellText = '';

  constructor(workbook: XlsxWorkbook, strings: SharedStrings, writer: SheetWriter) {
    this.workbook = workbook;
    this.strings = strings;
    this.writer = writer;
    this.inline = new TextCollector(strings.file);
  }

  open(name: string, attributes: Attributes): void {
    if (this.inInline) this.inline.open(name);
    else if (this.cell !== undefined) this.openInCell(this.cell, name);
    else if (this.inRow) {
      if (name === 'c') this.openCell(attributes);
    } else if (name === 'row') this.openRow(attributes);
    else if (name === 'mergeCell') this.mergedRanges++;
    else if (name === 'col' && isTrue(attributes.hidden) && this.hiddenColumns.length < MAX_HIDDEN_RANGES)
      this.hiddenColumns.push([Number(attributes.min), Number(attributes.max)]);
  }

  text(text: string): void {
    if (this.inValue) this.cellText = joinText(this.cellText, text, this.strings.file);
    else if (this.inInline) this.inline.add(text);
  }

  close(name: string): void {
    if (this.inInline) {
      if (name === 'is') this.inInline = false;
      else this.inline.close(name);
    } else if (this.cell !== undefined) {
      if (name === 'v') this.inValue = false;
      else if (name === 'c') this.closeCell(this.cell);
    } else if (name === 'row' && this.inRow) {
      this.inRow = false;
      if (this.isRowStarted && this.writer.endRow() && this.isHidden) this.hiddenRows++;
    }
  }

  private openRow({ r: reference, hidden }: Attributes): void {
    this.inRow = true;
    this.isRowStarted = false;
    this.column = -1;
    this.isHidden = isTrue(hidden);
    if (reference === undefined) this.row++;
    else if (ROW_NUMBER.test(reference)) this.startRow(Number(reference));
    else throw this.writer.unreadable(`has a row with the number ${JSON.stringify(reference)}`);
  }

  private startRow(row: number): void {
    this.row = row;
    this.isRowStarted = true;
    this.writer.startRow(row);
  }

  private openCell({ r: reference, t: type = 'n', s: style }: Attributes): void {
    const place = reference === undefined ? undefined : parseReference(reference);
    if (reference !== undefined && place === undefined)
      throw this.writer.unreadable(`has a cell with the reference ${JSON.stringify(reference)}`);
    // In a row without a number, the first reference determines it.
    if (!this.isRowStarted) this.startRow(place?.row ?? this.row);
    if (place !== undefined && place.row !== this.row)
      throw this.writer.unreadable(`has cell ${reference} in row ${this.row}`);
    this.column = place?.column ?? this.column + 1;
    const format = this.workbook.styles[Number(style ?? 0)] ?? 'number';
    this.cell = { column: this.column, type, format, hasFormula: false, hasValue: false };
    this.cellText = '';
    this.inline.start();
  }

  private openInCell(cell: Cell, name: string): void {
    if (name === 'v') {
      cell.hasValue = true;
      this.inValue = true;
    } else if (name === 'f') cell.hasFormula = true;
    else if (name === 'is') this.inInline = true;
  }

  private closeCell(cell: Cell): void {
    this.cell = undefined;
    this.inValue = false;
    const { column, type, hasFormula, hasValue } = cell;
    if (type === 'e') return this.writer.addLostCell(column, 'error', this.cellText || 'an error');
    const value = this.value(cell, this.cellText);
    if (value.text !== '') this.writer.addCell(column, value);
    // A formula whose result is an empty text has a value of type `str`.
    else if (hasFormula && !(hasValue && type === 'str')) this.writer.addLostCell(column, 'formula', '');
  }

  private value({ type, format, column }: Cell, written: string): CellValue {
    switch (type) {
      case 's':
        return textValue(this.sharedString(written.trim(), column));
      case 'inlineStr':
        return textValue(unescapeText(this.inline.text || written));
      case 'str':
        return textValue(unescapeText(written));
      case 'b':
        return written.trim() === '' ? BLANK : isTrue(written.trim()) ? TRUE : FALSE;
      case 'd':
        return isoValue(written.trim(), format);
      default:
        return this.number(written.trim(), format);
    }
  }

  private number(written: string, format: FormatKind): CellValue {
    const text = numberText(written);
    if (text === undefined) return textValue(written);
    const shown = format === 'number' ? undefined : serialValue(Number(text), format, this.workbook.is1904);
    return shown ?? { kind: 'number', text };
  }

  private sharedString(index: string, column: number): string {
    if (index === '') return '';
    const text = /^\d{1,10}$/.test(index) ? this.strings.get(Number(index)) : undefined;
    if (text !== undefined) return text;
    throw this.writer.unreadable(`refers to the missing text ${index} in column ${column + 1} of row ${this.row}`);
  }

  /** How many of the first columns are hidden. */
  hiddenColumnsOf(columns: number): number {
    return countHidden(this.hiddenColumns, columns);
  }
}

const BLANK: CellValue = { kind: 'text', text: '' };
const TRUE: CellValue = { kind: 'boolean', text: 'TRUE' };
const FALSE: CellValue = { kind: 'boolean', text: 'FALSE' };

function textValue(text: string): CellValue {
  return { kind: 'text', text };
}
