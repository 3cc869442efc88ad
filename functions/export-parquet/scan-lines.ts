import { RejectedRows } from './rejected-rows.ts';
import { MAX_ROW_BYTES, RowWriter } from './row-writer.ts';

const LF = 0x0a;
const CR = 0x0d;
const TAB = 0x09;
const SPACE = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** `{` and `[` differ in this bit only, as do `}` and `]`. */
const BRACE_BIT = 0x20;
const OPENING = 0x7b;
const CLOSING = 0x7d;
/** What reads JSON keeps memory for each level; no data has a tenth of them. */
const MAX_DEPTH = 1000;

/**
 * Gives the lines of a JSON lines text in the staged form, as rows of one value; blank lines are no rows. JSON has no control characters
 * but tab, CR and LF, so a line with others is rejected, as is one that is nested too deep.
 */
export class LineScanner {
  readonly rejected = new RejectedRows();
  /** Lines that were not rejected. */
  rows = 0;
  readonly #out = new RowWriter();
  #line = 0;
  #begun = false;
  #blank = true;
  #bad: string | undefined;
  #depth = 0;
  #inString = false;
  #escaped = false;

  get longestRow(): number {
    return this.#out.longest;
  }

  /** The rows that this part of the text completes. */
  push(chunk: Uint8Array): Buffer {
    for (let at = 0; at < chunk.length;) {
      if (!this.#begun) this.#start(chunk.length - at);
      const newline = chunk.indexOf(LF, at);
      const end = newline < 0 ? chunk.length : newline;
      this.#take(chunk.subarray(at, end));
      if (newline >= 0) this.#end();
      at = end + 1;
    }
    return this.#out.take();
  }

  /** The last line, when no line break ends it. */
  end(): Buffer {
    if (this.#begun) this.#end();
    return this.#out.take();
  }

  #start(bytesToCome: number): void {
    this.#begun = true;
    this.#blank = true;
    this.#bad = undefined;
    this.#depth = 0;
    this.#inString = false;
    this.#escaped = false;
    this.#line++;
    this.#out.reserve(bytesToCome);
    this.#out.startRow(this.#line);
    this.#out.startField();
  }

  #take(bytes: Uint8Array): void {
    if (this.#bad !== undefined) return;
    if (this.#out.rowLength + bytes.length > MAX_ROW_BYTES)
      return this.#refuse(`is longer than ${MAX_ROW_BYTES} bytes`);
    this.#out.reserve(bytes.length);
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0;
      if (byte > SPACE) this.#blank = false;
      else if (byte < SPACE && byte !== TAB && byte !== CR) return this.#refuse('is not a JSON object');
      this.#out.write(byte === CR ? SPACE : byte);
      if (this.#inString) this.#passString(byte);
      else if (byte === QUOTE) this.#inString = true;
      else if ((byte | BRACE_BIT) === OPENING && ++this.#depth > MAX_DEPTH)
        return this.#refuse(`is nested more than ${MAX_DEPTH} levels deep`);
      else if ((byte | BRACE_BIT) === CLOSING) this.#depth--;
    }
  }

  #passString(byte: number): void {
    if (this.#escaped) this.#escaped = false;
    else if (byte === BACKSLASH) this.#escaped = true;
    else if (byte === QUOTE) this.#inString = false;
  }

  #refuse(reason: string): void {
    this.#bad = reason;
    this.#out.dropRow();
  }

  #end(): void {
    this.#begun = false;
    if (this.#bad !== undefined) {
      this.rejected.add({ line: this.#line, reason: this.#bad });
      this.#out.dropRow();
    } else if (this.#blank) this.#out.dropRow();
    else {
      this.#out.endRow();
      this.rows++;
    }
  }
}
