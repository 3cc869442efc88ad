import { SluiceError } from '#shared/errors/sluice-error.ts';
import { OdsCell, repeats } from './ods-cell.ts';
import type { SheetWriter } from '../sheet-writer.ts';
import {
  countHidden,
  type MakeWriter,
  MAX_HIDDEN_RANGES,
  MAX_SHEETS,
  type ReadSheet,
  sheetMissing,
  type WorkbookFile,
} from '../workbook.ts';
import { type Attributes, type Parts, readPart, type ReadAttribute, type XmlHandler } from '../xml-reader.ts';

/** The namespaces of OpenDocument 1.2, and LibreOffice's extension, which marks errors. */
const NAMESPACES = {
  'urn:oasis:names:tc:opendocument:xmlns:office:1.0': 'office',
  'urn:oasis:names:tc:opendocument:xmlns:table:1.0': 'table',
  'urn:oasis:names:tc:opendocument:xmlns:text:1.0': 'text',
  'urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0': 'calcext',
};

/** Reads the chosen sheet of an ODS file into a writer. Throws LAYER_MISSING, FILE_UNREADABLE, FILE_TOO_LARGE. */
export async function readOdsSheet(workbook: WorkbookFile, parts: Parts, makeWriter: MakeWriter): Promise<ReadSheet> {
  await rejectEncrypted(workbook, parts);
  const handler = new OdsHandler(workbook, makeWriter);
  using _ = handler;
  if (!(await readPart(parts, 'content.xml', NAMESPACES, handler))) throw sheetMissing(workbook, []);
  if (handler.result === undefined) throw sheetMissing(workbook, handler.sheets);
  return { ...handler.result, otherSheets: handler.sheets.filter((name) => name !== handler.result?.name) };
}

const MANIFEST = { 'urn:oasis:names:tc:opendocument:xmlns:manifest:1.0': 'manifest' };

/** The members of a document with a password are encrypted, or are in one encrypted member (OpenDocument 1.3, 3.8). */
async function rejectEncrypted({ file }: WorkbookFile, parts: Parts): Promise<void> {
  let isEncrypted = false;
  const open = (name: string) => (isEncrypted ||= name === 'manifest:encryption-data');
  await readPart(parts, 'META-INF/manifest.xml', MANIFEST, { open });
  if (!isEncrypted) return;
  throw new SluiceError('FILE_UNREADABLE', `${file} is encrypted. Save it without a password.`, {
    details: { file },
  });
}

/** Writes the cells of the first sheet with cells, or of the sheet with a name. */
class OdsHandler implements XmlHandler, Disposable {
  readonly sheets: string[] = [];
  result: Omit<ReadSheet, 'otherSheets'> | undefined;
  readonly #wanted: string | undefined;
  readonly #makeWriter: MakeWriter;
  readonly #cell: OdsCell;
  #writer: SheetWriter | undefined;
  #tableDepth = 0;
  #counts = { hiddenRows: 0, mergedRanges: 0 };
  /** The position of the next column, and the hidden ones. */
  #nextColumn = 1;
  #hiddenColumns: [first: number, last: number][] = [];
  /** The row that is being read, and how often it is repeated. */
  #row = 0;
  #repeatRow = 1;
  #isRowHidden = false;
  #column = 0;

  constructor({ file, sheet }: Pick<WorkbookFile, 'file' | 'sheet'>, makeWriter: MakeWriter) {
    this.#cell = new OdsCell(file);
    this.#wanted = sheet;
    this.#makeWriter = makeWriter;
  }

  open(name: string, _: Attributes, read: ReadAttribute): void {
    if (this.#cell.isOpen) return this.#cell.open(name, read);
    if (name === 'table:table') this.#openTable(read('table:name') ?? '');
    else if (this.#writer === undefined) return;
    else if (name === 'table:table-column') this.#addColumns(read);
    else if (name === 'table:table-row') {
      this.#row += this.#repeatRow;
      this.#repeatRow = repeats(read('table:number-rows-repeated'));
      this.#isRowHidden = isHidden(read('table:visibility'));
      this.#column = 0;
      this.#writer.startRow(this.#row);
    } else if (name === 'table:table-cell' || name === 'table:covered-table-cell') this.#cell.start(read);
  }

  text(text: string): void {
    if (this.#cell.isOpen) this.#cell.text(text);
  }

  close(name: string): void {
    if (this.#cell.isOpen) {
      if (this.#cell.close()) this.#addCell();
    } else if (name === 'table:table') this.#closeTable();
    else if (name === 'table:table-row' && this.#writer?.endRow(this.#repeatRow) === true && this.#isRowHidden)
      this.#counts.hiddenRows += this.#repeatRow;
  }

  /** Tables in a table are parts of drawings, or caches of other files. */
  #openTable(name: string): void {
    if (++this.#tableDepth > 1) return;
    if (this.sheets.length < MAX_SHEETS) this.sheets.push(name);
    if (this.result !== undefined || (this.#wanted !== undefined && name !== this.#wanted)) return;
    this.#writer = this.#makeWriter();
    this.#counts = { hiddenRows: 0, mergedRanges: 0 };
    this.#nextColumn = 1;
    this.#hiddenColumns = [];
    this.#row = 0;
    this.#repeatRow = 1;
  }

  #closeTable(): void {
    if (--this.#tableDepth > 0 || this.#writer === undefined) return;
    const written = this.#writer.end();
    this[Symbol.dispose]();
    if (written.rows === 0 && this.#wanted === undefined) return;
    const hiddenColumns = countHidden(this.#hiddenColumns, written.columns.length);
    this.result = { ...written, ...this.#counts, hiddenColumns, name: this.sheets.at(-1) ?? '' };
  }

  #addColumns(read: ReadAttribute): void {
    const count = repeats(read('table:number-columns-repeated'));
    if (isHidden(read('table:visibility')) && this.#hiddenColumns.length < MAX_HIDDEN_RANGES)
      this.#hiddenColumns.push([this.#nextColumn, this.#nextColumn + count - 1]);
    this.#nextColumn += count;
  }

  #addCell(): void {
    const { column, count } = { column: this.#column, count: this.#cell.repeat };
    this.#column += count;
    if (this.#cell.isMerged) this.#counts.mergedRanges++;
    const value = this.#cell.value();
    if (value === 'error') this.#writer?.addLostCell(column, 'error', this.#cell.shown, count);
    else if (value === 'formula') this.#writer?.addLostCell(column, 'formula', '', count);
    else this.#writer?.addCell(column, value, count);
  }

  [Symbol.dispose](): void {
    this.#writer?.[Symbol.dispose]();
    this.#writer = undefined;
  }
}

function isHidden(visibility: string | undefined): boolean {
  return visibility === 'collapse' || visibility === 'filter';
}
