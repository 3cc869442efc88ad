import { RejectedRows } from './rejected-rows.ts';
import { MAX_ROW_BYTES, RowWriter } from './row-writer.ts';
import { ESCAPE, SEPARATOR } from './staged-text.ts';

/**
 * Reads delimited text (RFC 4180, and what programs make of it) a chunk at a time, and gives its rows in the staged form. Any of LF, CR LF
 * and CR ends a row; a quote in the middle of an unquoted value is a character like others; spaces around a quoted value don't count; a blank
 * line is no row; a delimiter too much at the end of a row is forgiven. Rows that have another number of values, or broken quotes, are
 * rejected with their line; memory is that of the longest row.
 */
export interface DelimitedOptions {
  /** One ASCII character. */
  delimiter: string;
  /** Values in a row; undefined takes rows as they are. */
  columns: number | undefined;
  hasHeader: boolean;
  /** Texts that mean "no value" where they are not quoted. */
  nullValues: readonly string[];
  /** The number of the first line; 1 by default. */
  firstLine?: number;
  /** Number rows, not lines, from this number on: those of a sheet, where a cell with two lines is in one row. */
  firstRow?: number;
}

const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
const SPACE = 0x20;
const NUL = 0x00;
const MARK = {
  lineFeed: code('n'),
  carriageReturn: code('r'),
  separator: code('u'),
  empty: code('e'),
  escape: code('z'),
};

/** Where in a row the scanner is. */
const AT_FIELD_START = 0;
const IN_FIELD = 1;
const IN_QUOTES = 2;
const AFTER_QUOTE = 3;
const AFTER_VALUE = 4;

export class DelimitedScanner {
  readonly rejected = new RejectedRows();
  /** Rows that were not rejected, without the header. */
  rows = 0;
  /** For each column, whether some value of it has an escape. */
  readonly escaped: boolean[] = [];
  readonly #options: DelimitedOptions;
  readonly #delimiter: number;
  readonly #nulls: Uint8Array[];
  /** Characters that mean something: all others are copied as they come. */
  readonly #special = new Uint8Array(256);
  readonly #out = new RowWriter();
  #state = AT_FIELD_START;
  #line: number;
  /** The line on which the row begins, and the number by which it is told. */
  #startLine = 1;
  #rowLine = 1;
  #rowNumber = 0;
  #fields = 0;
  #quoted = false;
  #fieldEscaped = false;
  #bad: string | undefined;
  #headerDue: boolean;
  #afterReturn = false;

  constructor(options: DelimitedOptions) {
    this.#options = options;
    this.#line = options.firstLine ?? 1;
    this.#delimiter = code(options.delimiter);
    this.#nulls = options.nullValues.filter((text) => text !== '').map((text) => new TextEncoder().encode(text));
    this.#headerDue = options.hasHeader;
    for (const byte of [LF, CR, QUOTE, NUL, SEPARATOR, ESCAPE, this.#delimiter]) this.#special[byte] = 1;
  }

  get longestRow(): number {
    return this.#out.longest;
  }

  /** The rows that this part of the text completes. */
  push(chunk: Uint8Array): Buffer {
    const special = this.#special;
    this.#out.reserve(chunk.length); // For the row that is under way.
    for (let at = 0; at < chunk.length; at++) {
      if (this.#fields === 0) this.#startRow(chunk.length - at);
      const byte = chunk[at] ?? 0;
      if (special[byte] === 1) this.#take(byte);
      else if (this.#state === IN_FIELD || this.#state === IN_QUOTES) {
        const out = this.#out;
        let end = at;
        for (let next = byte; special[next] === 0 && end < chunk.length; next = chunk[end] ?? 0) {
          out.write(next);
          end++;
        }
        at = end - 1;
      } else this.#takeOrdinary(byte);
      if (byte !== CR) this.#afterReturn = false;
    }
    this.#out.reserve(0);
    if (this.#out.rowLength > MAX_ROW_BYTES) {
      this.#bad ??= `is longer than ${MAX_ROW_BYTES} bytes`;
      this.#out.dropRow();
    }
    return this.#out.take();
  }

  /** The last row, when no line break ends it. */
  end(): Buffer {
    if (this.#state === IN_QUOTES) this.#bad ??= 'opens a quote that is never closed';
    if (this.#fields > 0) this.#endRow();
    return this.#out.take();
  }

  #startRow(bytesToCome: number): void {
    this.#out.reserve(bytesToCome);
    this.#startLine = this.#line;
    this.#rowLine = this.#options.firstRow === undefined ? this.#line : this.#rowNumber + this.#options.firstRow;
    this.#out.startRow(this.#rowLine);
    this.#bad = undefined;
    this.#startField();
  }

  #startField(): void {
    this.#fields++;
    this.#quoted = false;
    this.#fieldEscaped = false;
    this.#state = AT_FIELD_START;
    this.#out.startField();
  }

  #takeOrdinary(byte: number): void {
    if (this.#state === AT_FIELD_START) {
      if (byte !== SPACE) this.#state = IN_FIELD;
      this.#out.write(byte);
    } else if (byte === SPACE) this.#state = AFTER_VALUE;
    else this.#bad ??= 'has text after a closing quote';
  }

  #take(byte: number): void {
    if (this.#state === IN_QUOTES) this.#takeQuoted(byte);
    else if (byte === this.#delimiter) {
      this.#endField();
      this.#startField();
    } else if (byte === LF || byte === CR) this.#takeLineEnd(byte);
    else if (byte === QUOTE) this.#takeQuote();
    else {
      this.#state = IN_FIELD;
      this.#takeControl(byte);
    }
  }

  #takeQuoted(byte: number): void {
    if (byte === QUOTE) this.#state = AFTER_QUOTE;
    else if (byte === LF) {
      if (!this.#afterReturn) this.#line++;
      this.#escape(MARK.lineFeed);
    } else if (byte === CR) {
      this.#line++;
      this.#afterReturn = true;
      this.#escape(MARK.carriageReturn);
    } else if (byte === this.#delimiter && byte !== SEPARATOR && byte !== ESCAPE) this.#out.write(byte);
    else this.#takeControl(byte);
  }

  #takeQuote(): void {
    if (this.#state === AFTER_QUOTE) {
      this.#out.write(QUOTE);
      this.#state = IN_QUOTES;
    } else if (this.#state === AT_FIELD_START) {
      this.#out.clearField();
      this.#quoted = true;
      this.#state = IN_QUOTES;
    } else if (this.#state === AFTER_VALUE) this.#bad ??= 'has text after a closing quote';
    else this.#out.write(QUOTE);
  }

  #takeControl(byte: number): void {
    if (byte === NUL) this.#bad ??= 'holds a NUL character';
    else this.#escape(byte === SEPARATOR ? MARK.separator : MARK.escape);
  }

  #takeLineEnd(byte: number): void {
    // The second half of CR LF: the row has ended, and the next one has not begun.
    if (
      byte === LF &&
      this.#afterReturn &&
      this.#fields === 1 &&
      this.#out.fieldLength === 0 &&
      this.#state === AT_FIELD_START
    ) {
      this.#out.dropRow();
      this.#fields = 0;
      return;
    }
    this.#endRow();
    this.#line++;
    if (byte === CR) this.#afterReturn = true;
  }

  #escape(mark: number): void {
    this.#fieldEscaped = true;
    this.#out.writeEscaped(mark);
  }

  #endField(): void {
    if (this.#quoted && this.#out.fieldLength === 0) this.#escape(MARK.empty);
    else if (!this.#quoted && this.#nulls.some((text) => this.#out.fieldIs(text))) this.#out.clearField();
    if (this.#fieldEscaped) this.escaped[this.#fields - 1] = true;
  }

  #endRow(): void {
    const isBlank = this.#fields === 1 && this.#state === AT_FIELD_START;
    if (isBlank) this.#out.dropRow();
    else {
      this.#endField();
      this.#finishRow();
    }
    this.#rowNumber++;
    this.#fields = 0;
    this.#state = AT_FIELD_START;
  }

  #finishRow(): void {
    const { columns } = this.#options;
    if (this.#headerDue) {
      this.#headerDue = false;
      this.#out.dropRow();
      return;
    }
    if (this.#bad === undefined && this.#fields - 1 === columns && this.#out.fieldLength === 0) {
      this.#out.dropField();
      this.#fields--;
    }
    if (columns !== undefined && this.#fields !== columns)
      this.#bad ??= `has ${this.#fields} ${this.#fields === 1 ? 'value' : 'values'} instead of ${columns}`;
    if (this.#bad === undefined) {
      this.#out.endRow();
      this.rows++;
    } else {
      this.#out.dropRow();
      // A quote that is not closed takes the lines after it along; they are lost rows, too.
      this.rejected.add(
        { line: this.#rowLine, reason: this.#bad },
        this.#state === IN_QUOTES ? Math.max(1, this.#line - this.#startLine) : 1,
      );
    }
  }
}

function code(character: string): number {
  return character.charCodeAt(0);
}
