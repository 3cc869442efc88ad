import { trimEndOf } from '#shared/text/truncate.ts';
import { MAX_ROW_BYTES, RowWriter, RejectedRows } from '#shared/delimited/row-writer.ts';

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
/** A double keeps each number of so many digits. */
const EXACT_DIGITS = 15;
/** toPrecision() of JavaScript prints at most so many. */
const MAX_DIGITS = 100;
/** JSON parsers need memory for each level. Real data has fewer than 100 levels. */
const MAX_DEPTH = 1000;

/**
 * Writes the lines of a JSON lines text in the staged form (shared/delimited/staged-form.ts), as rows of one value.
 * Blank lines are skipped. JSON contains no control characters except tab, CR and LF, so a line with another one is
 * rejected, as is a line that is nested too deeply. DuckDB parses the JSON of the other lines.
 *
 * @streamparser/json 0.0.26 is not used: it takes 7 times as long for 50 MB, and stops at the first line that is not
 * JSON.
 */
export class LineScanner {
  readonly rejected = new RejectedRows();
  /** Accepted lines. */
  rows = 0;
  readonly #out = new RowWriter();
  #line = 0;
  #inLine = false;
  #isBlank = true;
  #fault: string | undefined;
  #depth = 0;
  #inString = false;
  #afterBackslash = false;
  /** Bytes of the number that is being read; 0 outside of numbers. */
  #numberBytes = 0;
  #isRounded = false;
  /** Lines with decimals that a double rounds, and the first of them. */
  readonly rounded = { count: 0, first: 0 };

  get longestRow(): number {
    return this.#out.longest;
  }

  /** Scans the next chunk and returns the rows that it completes. */
  push(chunk: Uint8Array): Buffer {
    for (let at = 0; at < chunk.length;) {
      if (!this.#inLine) this.#startLine(chunk.length - at);
      const newline = chunk.indexOf(LF, at);
      const end = newline < 0 ? chunk.length : newline;
      this.#scan(chunk.subarray(at, end));
      if (newline >= 0) this.#endLine();
      at = end + 1;
    }
    return this.#out.take();
  }

  /** Returns the last line when no line break ends it. */
  end(): Buffer {
    if (this.#inLine) this.#endLine();
    return this.#out.take();
  }

  #startLine(bytesLeft: number): void {
    this.#inLine = true;
    this.#isBlank = true;
    this.#fault = undefined;
    this.#depth = 0;
    this.#inString = false;
    this.#afterBackslash = false;
    this.#numberBytes = 0;
    this.#isRounded = false;
    this.#line++;
    this.#out.reserve(bytesLeft);
    this.#out.startRow(this.#line);
    this.#out.startField();
  }

  #scan(bytes: Uint8Array): void {
    if (this.#fault !== undefined) return;
    if (this.#out.rowLength + bytes.length > MAX_ROW_BYTES)
      return this.#reject(`is longer than ${MAX_ROW_BYTES} bytes`);
    this.#out.reserve(bytes.length);
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0;
      if (byte > SPACE) this.#isBlank = false;
      else if (byte < SPACE && byte !== TAB && byte !== CR) return this.#reject('is not a JSON object');
      if (this.#inString) {
        this.#out.write(byte === CR ? SPACE : byte);
        this.#scanInString(byte);
        continue;
      }
      if (isOfNumber(byte)) this.#numberBytes++;
      else if (this.#numberBytes > 0) this.#endNumber();
      this.#out.write(byte === CR ? SPACE : byte);
      if (byte === QUOTE) this.#inString = true;
      else if ((byte | BRACE_BIT) === OPENING && ++this.#depth > MAX_DEPTH)
        return this.#reject(`is nested more than ${MAX_DEPTH} levels deep`);
      else if ((byte | BRACE_BIT) === CLOSING) this.#depth--;
    }
  }

  #endNumber(): void {
    if (this.#numberBytes > EXACT_DIGITS && isRounded(this.#out.lastText(this.#numberBytes))) this.#isRounded = true;
    this.#numberBytes = 0;
  }

  #scanInString(byte: number): void {
    if (this.#afterBackslash) this.#afterBackslash = false;
    else if (byte === BACKSLASH) this.#afterBackslash = true;
    else if (byte === QUOTE) this.#inString = false;
  }

  #reject(reason: string): void {
    this.#fault = reason;
    this.#out.dropRow();
  }

  #endLine(): void {
    this.#inLine = false;
    if (this.#fault !== undefined) {
      this.rejected.add({ line: this.#line, reason: this.#fault });
      this.#out.dropRow();
    } else if (this.#isBlank) this.#out.dropRow();
    else {
      if (this.#isRounded && this.rounded.count++ === 0) this.rounded.first = this.#line;
      this.#out.endRow();
      this.rows++;
    }
  }
}

/** Whether a byte outside of strings belongs to a number. Other tokens with an e, such as `true`, are no numbers. */
function isOfNumber(byte: number): boolean {
  return (
    (byte >= ZERO && byte <= NINE) || byte === POINT || byte === MINUS || byte === PLUS || (byte | CASE_BIT) === LOWER_E
  );
}

/** Whether a double loses digits of a decimal. Whole numbers are read as text when no integer holds them. */
function isRounded(number: string): boolean {
  // The shortest notation of a double, which most programs write.
  if (String(Number(number)) === number || !/[.e]/i.test(number)) return false;
  const digitsOf = (text: string) => (text.split(/e/i)[0] ?? '').replaceAll(/[^0-9]/g, '').replace(/^0+/, '');
  const digits = trimEndOf(digitsOf(number), '0');
  if (digits.length <= EXACT_DIGITS) return false;
  return digits.length > MAX_DIGITS || digitsOf(Number(number).toPrecision(digits.length)) !== digits;
}
