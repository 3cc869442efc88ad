import { MAX_ROW_BYTES, RowWriter, RejectedRows } from '#shared/tables/row-writer.ts';

const LF = 0x0a;
const CR = 0x0d;
const TAB = 0x09;
const SPACE = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** `{` and `[` differ only in this bit, as do `}` and `]`. */
const BRACE_BIT = 0x20;
const OPENING = 0x7b;
const CLOSING = 0x7d;
const [ZERO, NINE, POINT, MINUS, PLUS, LOWER_E] = [0x30, 0x39, 0x2e, 0x2d, 0x2b, 0x65];
const CASE_BIT = 0x20;
/** DuckDB prints a decimal as it is written when it has so few bytes, no exponent and no zero at its end. */
const PLAIN_BYTES = 15;
/** DuckDB prints a whole number as it is written when it is an integer of 64 bits. */
const WHOLE_BYTES = 18;
/** JSON parsers need memory for each level. Real data has fewer than 100 levels. */
const MAX_DEPTH = 1000;

/** Depth of the members of the object in a line. */
const MEMBER_DEPTH = 1;

/**
 * Writes the lines of a JSON lines text in the staged form (shared/tables/staged-form.ts), as rows of one value.
 * Blank lines are skipped. JSON contains no control characters except tab, CR and LF, so a line with another one is
 * rejected, as is a line that is nested too deeply. DuckDB parses the JSON of the other lines.
 *
 * DuckDB prints numbers and nested values in its own notation. To keep their text, an object or array in a member
 * becomes `["TEXT"]`, and a number that DuckDB prints in another way becomes `{"0":"TEXT"}`.
 *
 * @streamparser/json 0.0.26 is not used: it takes 7 times as long for 50 MB, and stops at the first line that is not
 * JSON.
 */
export class JsonLinesScanner {
  readonly rejected = new RejectedRows();
  /** Number of accepted lines. */
  rows = 0;
  private readonly out = new RowWriter();
  private line = 0;
  private inLine = false;
  private isBlank = true;
  private fault: string | undefined;
  private depth = 0;
  private inString = false;
  private afterBackslash = false;
  /** Bytes of the number that is being read; 0 outside of numbers. */
  private numberBytes = 0;
  private isDecimal = false;
  private hasExponent = false;
  private firstByte = 0;
  private lastByte = 0;
  /** Bytes of the row before the current nested value. */
  private nestedFrom = 0;

  get longestRow(): number {
    return this.out.longest;
  }

  /** Scans the next chunk and returns the rows that it completes. */
  push(chunk: Uint8Array): Buffer {
    for (let at = 0; at < chunk.length;) {
      if (!this.inLine) this.startLine(chunk.length - at);
      const newline = chunk.indexOf(LF, at);
      const end = newline < 0 ? chunk.length : newline;
      this.scan(chunk.subarray(at, end));
      if (newline >= 0) this.endLine();
      at = end + 1;
    }
    return this.out.take();
  }

  /** Returns the last line when no line break ends it. */
  end(): Buffer {
    if (this.inLine) this.endLine();
    return this.out.take();
  }

  private startLine(bytesLeft: number): void {
    this.inLine = true;
    this.isBlank = true;
    this.fault = undefined;
    this.depth = 0;
    this.inString = false;
    this.afterBackslash = false;
    this.numberBytes = 0;
    this.line++;
    this.out.reserve(bytesLeft);
    this.out.startRow(this.line);
    this.out.startField();
  }

  private scan(bytes: Uint8Array): void {
    if (this.fault !== undefined) return;
    if (this.out.rowLength + bytes.length > MAX_ROW_BYTES) return this.reject(`is longer than ${MAX_ROW_BYTES} bytes`);
    this.out.reserve(bytes.length);
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0;
      if (byte > SPACE) this.isBlank = false;
      else if (byte < SPACE && byte !== TAB && byte !== CR) return this.reject('is not a JSON object');
      if (this.inString) {
        this.out.write(byte === CR ? SPACE : byte);
        this.scanInString(byte);
        continue;
      }
      if (isOfNumber(byte)) this.addToNumber(byte);
      else if (this.numberBytes > 0 && this.endNumber()) this.out.reserve(bytes.length - at);
      this.out.write(byte === CR ? SPACE : byte);
      if (byte === QUOTE) this.inString = true;
      else if ((byte | BRACE_BIT) === OPENING) {
        if (this.depth === MEMBER_DEPTH) this.nestedFrom = this.out.rowLength - 1;
        if (++this.depth > MAX_DEPTH) return this.reject(`is nested more than ${MAX_DEPTH} levels deep`);
      } else if ((byte | BRACE_BIT) === CLOSING && --this.depth === MEMBER_DEPTH) {
        this.keepNested();
        this.out.reserve(bytes.length - at);
      }
    }
  }

  private addToNumber(byte: number): void {
    if (this.numberBytes++ === 0) {
      this.isDecimal = false;
      this.hasExponent = false;
      this.firstByte = byte;
    }
    if (byte === POINT) this.isDecimal = true;
    else if ((byte | CASE_BIT) === LOWER_E) this.hasExponent = true;
    this.lastByte = byte;
  }

  /** Returns true when it wrote more bytes than the number has. */
  private endNumber(): boolean {
    const bytes = this.numberBytes;
    this.numberBytes = 0;
    if (this.depth !== MEMBER_DEPTH) return false;
    if (!this.isDecimal && !this.hasExponent && bytes <= WHOLE_BYTES && !this.isNegativeZero(bytes)) return false;
    const isSmall = this.firstByte === ZERO || this.firstByte === MINUS;
    if (bytes <= PLAIN_BYTES && this.lastByte !== ZERO && !isSmall && !this.hasExponent) return false;
    const text = this.out.lastText(bytes);
    if (!NUMBER.test(text) || isPrintedAs(text)) return false;
    this.out.replaceLast(bytes, Buffer.from(`{"0":"${text}"}`));
    return true;
  }

  /** Detects -0, because DuckDB prints -0 as 0. */
  private isNegativeZero(bytes: number): boolean {
    return bytes === '-0'.length && this.firstByte === MINUS && this.lastByte === ZERO;
  }

  /** Writes a nested value as text. DuckDB reads or rejects one that is not JSON, such as NaN. */
  private keepNested(): void {
    const length = this.out.rowLength - this.nestedFrom;
    const text = this.out.lastBytes(length).toString('utf8');
    this.out.replaceLast(length, Buffer.from(isJson(text) ? JSON.stringify([text]) : `[${text}]`));
  }

  private scanInString(byte: number): void {
    if (this.afterBackslash) this.afterBackslash = false;
    else if (byte === BACKSLASH) this.afterBackslash = true;
    else if (byte === QUOTE) this.inString = false;
  }

  private reject(reason: string): void {
    this.fault = reason;
    this.out.dropRow();
  }

  private endLine(): void {
    this.inLine = false;
    if (this.fault !== undefined) {
      this.rejected.add({ line: this.line, reason: this.fault });
      this.out.dropRow();
    } else if (this.isBlank) this.out.dropRow();
    else {
      this.out.endRow();
      this.rows++;
    }
  }
}

/** Whether a byte outside of strings belongs to a number. Other tokens with an e, such as `true`, are not numbers. */
function isOfNumber(byte: number): boolean {
  return (
    (byte >= ZERO && byte <= NINE) || byte === POINT || byte === MINUS || byte === PLUS || (byte | CASE_BIT) === LOWER_E
  );
}

const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?$/;
/** A number that DuckDB may print with an exponent. */
const TINY = /^-?0\.000/;

/** -0, or an integer that can have more than 64 bits: DuckDB would print 0, or a double. */
const WHOLE = /^-?\d+$/;

/** Whether DuckDB prints a number as it is written: in the shortest notation, and a whole one with `.0`. */
function isPrintedAs(text: string): boolean {
  if (/e/i.test(text) || TINY.test(text) || WHOLE.test(text)) return false;
  const whole = text.endsWith('.0') && text.length <= PLAIN_BYTES ? text.slice(0, -'.0'.length) : text;
  return String(Number(text)) === whole;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
