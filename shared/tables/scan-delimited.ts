import type { DelimitedOptions } from './delimited-options.ts';
import { LongValues } from './long-values.ts';
import { MAX_ROW_BYTES, RowWriter, RejectedRows } from './row-writer.ts';
import { ESCAPE, LETTER, SEPARATOR } from './staged-form.ts';

const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
const SPACE = 0x20;
const NUL = 0x00;
/** Positions within a row. Numbers, because the scanner compares them for each byte. */
const AT_FIELD_START = 0;
const IN_FIELD = 1;
const IN_QUOTES = 2;
const AFTER_QUOTE = 3;
const AFTER_VALUE = 4;

/**
 * Reads delimited text (RFC 4180 and common deviations from it) a chunk at a time and writes its rows in the staged
 * form (staged-form.ts). LF, CR LF or CR ends a row. A quote inside an unquoted value is an ordinary character. Spaces
 * around a quoted value are ignored. Blank lines, rows without values and extra delimiters at the end of a row are left
 * out. Rows with another number of values or with broken quotes are rejected with their line, and counted in lines of
 * the file. Memory is bounded by the longest row.
 *
 * csv-parse 7.0.3 is not used: it takes 7 times as long for a file of 50 MB, reports the last line of a row instead of
 * the first, and does not distinguish an empty field from an empty text in quotes.
 */
export class DelimitedScanner {
  readonly rejected = new RejectedRows();
  /** Number of accepted rows, without the header. */
  rows = 0;
  /** For each column, whether a value of it has an escape. */
  readonly escaped: boolean[] = [];
  /** For each column, whether a value of it begins or ends with a space. */
  readonly padded: boolean[] = [];
  /** Rows of delimiters only, and the line of the first. */
  readonly blankRows = { count: 0, first: 0 };
  readonly longValues: LongValues;
  private readonly options: DelimitedOptions;
  private readonly delimiter: number;
  private readonly nulls: Uint8Array[];
  private readonly maxColumns: number;
  private readonly comment: number;
  private readonly skipThrough: number;
  private readonly isSpaced: boolean;
  /** Is 1 for the bytes that have a meaning. All others are copied unchanged. */
  private readonly special = new Uint8Array(256);
  private readonly out = new RowWriter();
  private state = AT_FIELD_START;
  private line: number;
  /** The line on which the row begins. */
  private startLine = 1;
  private fields = 0;
  private quoted = false;
  private fieldEscaped = false;
  private fault: string | undefined;
  private hasValue = false;
  private inComment = false;
  private afterReturn = false;
  private endsWithBreak = false;

  constructor(options: DelimitedOptions) {
    this.options = options;
    this.longValues = new LongValues(options.columns);
    this.line = options.firstLine ?? 1;
    this.delimiter = options.delimiter.charCodeAt(0);
    this.nulls = options.nullValues.filter((text) => text !== '').map((text) => new TextEncoder().encode(text));
    this.maxColumns = options.maxColumns ?? Number.POSITIVE_INFINITY;
    this.comment = options.comment?.charCodeAt(0) ?? -1;
    this.skipThrough = options.skipThrough ?? 0;
    this.isSpaced = this.delimiter === SPACE;
    const quotes = options.quotes === false ? [] : [QUOTE];
    for (const byte of [LF, CR, NUL, SEPARATOR, ESCAPE, this.delimiter, ...quotes]) this.special[byte] = 1;
  }

  /** True in a row with more than `maxColumns` values. */
  get hasStopped(): boolean {
    return this.fields > this.maxColumns;
  }

  get longestRow(): number {
    return this.out.longest;
  }

  /** Scans the next chunk and returns the rows that it completes. */
  push(chunk: Uint8Array): Buffer {
    const special = this.special;
    this.out.reserve(chunk.length); // For the row that continues from the chunk before.
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      if (this.fields === 0) {
        if (this.inComment || byte === this.comment) {
          this.scanComment(byte);
          continue;
        }
        this.startRow(chunk.length - at);
      }
      if (special[byte] === 1) {
        this.scanSpecial(byte);
        if (this.hasStopped) break;
      } else if (this.state === IN_FIELD || this.state === IN_QUOTES) {
        const out = this.out;
        let end = at;
        for (let next = byte; special[next] === 0 && end < chunk.length; next = chunk[end] ?? 0) {
          out.write(next);
          end++;
        }
        at = end - 1;
      } else this.scanOrdinary(byte);
      if (byte !== CR) this.afterReturn = false;
    }
    if (chunk.length > 0) this.endsWithBreak = chunk.at(-1) === LF || chunk.at(-1) === CR;
    this.out.reserve(0);
    if (this.out.rowLength > MAX_ROW_BYTES) {
      this.fault ??= `is longer than ${MAX_ROW_BYTES} bytes`;
      this.out.dropRow();
    }
    return this.out.take();
  }

  /** Returns the last row when no line break ends it. */
  end(): Buffer {
    if (this.state === IN_QUOTES) this.fault ??= 'opens a quote that is never closed';
    if (this.fields > 0) this.endRow();
    return this.out.take();
  }

  private startRow(bytesLeft: number): void {
    this.out.reserve(bytesLeft);
    this.startLine = this.line;
    this.out.startRow(this.startLine);
    this.fault = undefined;
    this.hasValue = false;
    this.longValues.startRow();
    this.startField();
  }

  private scanComment(byte: number): void {
    this.inComment = byte !== LF && byte !== CR;
    this.afterReturn = byte === CR;
    if (!this.inComment) this.line++;
  }

  private startField(): void {
    this.fields++;
    this.quoted = false;
    this.fieldEscaped = false;
    this.state = AT_FIELD_START;
    this.out.startField();
  }

  private scanOrdinary(byte: number): void {
    if (this.state === AT_FIELD_START) {
      if (byte !== SPACE) this.state = IN_FIELD;
      else if (this.options.stripBlanks === true && this.fields > 1) return;
      this.out.write(byte);
    } else if (byte === SPACE) this.state = AFTER_VALUE;
    else this.fault ??= 'has text after a closing quote';
  }

  private scanSpecial(byte: number): void {
    if (this.state === IN_QUOTES) this.scanInQuotes(byte);
    else if (byte === this.delimiter) {
      if (this.isSpaced && this.state === AT_FIELD_START) return;
      this.endField();
      this.startField();
    } else if (byte === LF || byte === CR) this.scanLineEnd(byte);
    else if (byte === QUOTE) this.scanQuote();
    else {
      this.state = IN_FIELD;
      this.scanControl(byte);
    }
  }

  private scanInQuotes(byte: number): void {
    if (byte === QUOTE) this.state = AFTER_QUOTE;
    else if (byte === LF) {
      if (!this.afterReturn) this.breakInQuotes();
      this.writeEscape(LETTER.lineFeed);
    } else if (byte === CR) {
      this.breakInQuotes();
      this.afterReturn = true;
      this.writeEscape(LETTER.carriageReturn);
    } else if (byte === this.delimiter && byte !== SEPARATOR && byte !== ESCAPE) {
      this.longValues.addDelimiter();
      this.out.write(byte);
    } else this.scanControl(byte);
  }

  private breakInQuotes(): void {
    this.line++;
    this.longValues.addBreak(this.fields);
  }

  private scanQuote(): void {
    if (this.state === AFTER_QUOTE) {
      this.out.write(QUOTE);
      this.state = IN_QUOTES;
    } else if (this.state === AT_FIELD_START) {
      this.out.clearField();
      this.quoted = true;
      this.state = IN_QUOTES;
    } else if (this.state === AFTER_VALUE) this.fault ??= 'has text after a closing quote';
    else this.out.write(QUOTE);
  }

  private scanControl(byte: number): void {
    if (byte === NUL) this.fault ??= 'holds a NUL character';
    else this.writeEscape(byte === SEPARATOR ? LETTER.separator : LETTER.escape);
  }

  private scanLineEnd(byte: number): void {
    if (byte === LF && this.afterReturn && this.isRowEmpty()) {
      // The LF of CR LF: the CR has ended the row.
      this.out.dropRow();
      this.fields = 0;
      return;
    }
    this.endRow();
    this.line++;
    if (byte === CR) this.afterReturn = true;
  }

  private isRowEmpty(): boolean {
    return this.fields === 1 && this.out.fieldLength === 0 && this.state === AT_FIELD_START;
  }

  private writeEscape(letter: number): void {
    this.fieldEscaped = true;
    this.out.writeEscape(letter);
  }

  private endField(): void {
    if (this.state !== AT_FIELD_START) this.hasValue = true;
    if (this.quoted && this.out.fieldLength === 0) this.writeEscape(LETTER.empty);
    else if (!this.quoted && this.nulls.some((text) => this.out.fieldEquals(text))) this.out.clearField();
    if (this.fieldEscaped) this.escaped[this.fields - 1] = true;
    if (this.out.hasBlankEdge) this.padded[this.fields - 1] = true;
  }

  private endRow(): void {
    if (this.fields === 1 && this.state === AT_FIELD_START) this.out.dropRow();
    else {
      this.endField();
      this.finishRow();
    }
    this.fields = 0;
    this.state = AT_FIELD_START;
  }

  private finishRow(): void {
    if (this.startLine <= this.skipThrough) {
      this.out.dropRow();
      return;
    }
    const { columns } = this.options;
    if (this.isSpaced && this.state === AT_FIELD_START) this.fields -= this.out.dropEmptyFields(1);
    if (columns !== undefined && this.fields > columns) this.fields -= this.out.dropEmptyFields(this.fields - columns);
    if (this.fault === undefined && !this.hasValue) {
      if (this.blankRows.count++ === 0) this.blankRows.first = this.startLine;
      this.out.dropRow();
      return;
    }
    if (columns !== undefined && this.fields !== columns)
      this.fault ??= `has ${this.fields} ${this.fields === 1 ? 'value' : 'values'} instead of ${columns}`;
    if (this.fault === undefined && this.longValues.breaks > 0) this.checkLines();
    if (this.fault === undefined) {
      this.out.endRow();
      this.rows++;
    } else {
      this.out.dropRow();
      this.rejected.add({ line: this.startLine, reason: this.fault }, this.linesOfRow());
    }
  }

  /** Counts a row that contains line breaks, and rejects it when a quote in a text has made rows part of its value. */
  private checkLines(): void {
    const lines = this.longValues.endRow(this.startLine, this.fields);
    if (lines > 0 && this.options.quotes === undefined)
      this.fault = `has a value in quotes with ${lines} lines that look like rows`;
  }

  /** A quote that is never closed makes all lines to the end of the file part of a row. */
  private linesOfRow(): number {
    const isAfterBreak = this.state === IN_QUOTES && this.endsWithBreak;
    return Math.max(1, this.line - this.startLine + (isAfterBreak ? 0 : 1));
  }
}
