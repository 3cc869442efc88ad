import { ESCAPE, SEPARATOR } from './staged-form.ts';

/** A longer row is rejected, because the scanner holds a whole row in memory. */
export const MAX_ROW_BYTES = 16 * 2 ** 20;
const INITIAL_BYTES = 2 ** 16;
/** Room for the digits of a line number, its separator and the end of the row. */
const FRAME_BYTES = 32;
const NEWLINE = 0x0a;
const ZERO = 0x30;
const SPACE = 0x20;

/** Writes rows in the staged form into a buffer that grows to the longest row. `take` returns the complete rows. */
export class RowWriter {
  #out = new Uint8Array(INITIAL_BYTES);
  #at = 0;
  #rowStart = 0;
  #fieldStart = 0;
  /** Length of the longest row in bytes. */
  longest = 0;

  /** Makes room for `bytes` more bytes, each of which may need an escape, and for the frame of a row. */
  reserve(bytes: number): void {
    const needed = this.#at + 2 * bytes + FRAME_BYTES;
    if (needed <= this.#out.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#out.length * 2));
    grown.set(this.#out.subarray(0, this.#at));
    this.#out = grown;
  }

  startRow(line: number): void {
    this.#rowStart = this.#at;
    let digits = 1;
    for (let rest = line; rest >= 10; rest = Math.floor(rest / 10)) digits++;
    for (let place = this.#at + digits - 1, rest = line; place >= this.#at; place--, rest = Math.floor(rest / 10))
      this.#out[place] = ZERO + (rest % 10);
    this.#at += digits;
  }

  startField(): void {
    this.#out[this.#at++] = SEPARATOR;
    this.#fieldStart = this.#at;
  }

  write(byte: number): void {
    this.#out[this.#at++] = byte;
  }

  /** Writes the escape and one of the letters of ESCAPED. */
  writeEscape(letter: number): void {
    this.#out[this.#at++] = ESCAPE;
    this.#out[this.#at++] = letter;
  }

  get fieldLength(): number {
    return this.#at - this.#fieldStart;
  }

  /** Whether the field has these bytes, without regard to spaces around them. */
  fieldEquals(bytes: Uint8Array): boolean {
    let [start, end] = [this.#fieldStart, this.#at];
    while (start < end && this.#out[start] === SPACE) start++;
    while (end > start && this.#out[end - 1] === SPACE) end--;
    return bytes.length === end - start && bytes.every((byte, index) => this.#out[start + index] === byte);
  }

  /** Whether the field begins or ends with a space. */
  get hasBlankEdge(): boolean {
    return this.#at > this.#fieldStart && (this.#out[this.#fieldStart] === SPACE || this.#out[this.#at - 1] === SPACE);
  }

  /** The last bytes, which are ASCII, as text. */
  lastText(bytes: number): string {
    return Buffer.from(this.#out.buffer, this.#at - bytes, bytes).toString('latin1');
  }

  /** A copy of the last bytes. */
  lastBytes(bytes: number): Buffer {
    return Buffer.from(this.#out.slice(this.#at - bytes, this.#at).buffer);
  }

  /** Writes other bytes in the place of the last ones. */
  replaceLast(bytes: number, replacement: Uint8Array): void {
    this.#at -= bytes;
    this.reserve(replacement.length);
    this.#out.set(replacement, this.#at);
    this.#at += replacement.length;
  }

  clearField(): void {
    this.#at = this.#fieldStart;
  }

  /** Removes up to `limit` empty fields at the end of the row, with their separators. Returns their number. */
  dropEmptyFields(limit: number): number {
    let count = 0;
    for (; count < limit && this.#out[this.#at - 1] === SEPARATOR; count++) this.#at--;
    if (count > 0) this.#fieldStart = this.#at;
    return count;
  }

  /** Bytes of the current row so far. */
  get rowLength(): number {
    return this.#at - this.#rowStart;
  }

  endRow(): void {
    this.#out[this.#at++] = NEWLINE;
    this.longest = Math.max(this.longest, this.rowLength);
    this.#rowStart = this.#at;
    this.#fieldStart = this.#at;
  }

  /** Discards the current row. */
  dropRow(): void {
    this.#at = this.#rowStart;
    this.#fieldStart = this.#rowStart;
  }

  /** Returns the complete rows since the last call. The current row stays in the buffer. */
  take(): Buffer {
    const complete = Buffer.from(this.#out.slice(0, this.#rowStart).buffer);
    this.#out.copyWithin(0, this.#rowStart, this.#at);
    this.#at -= this.#rowStart;
    this.#fieldStart -= this.#rowStart;
    this.#rowStart = 0;
    return complete;
  }
}

/** A row that is left out, with the line of the file on which it begins (in a sheet: its row). */
export interface RejectedRow {
  line: number;
  reason: string;
}

/** Rejected rows that are listed one by one. */
export const MAX_REJECTED_SAMPLE = 20;

/** The number of rows of one file that cannot be read, and the first of them. */
export class RejectedRows {
  count = 0;
  sample: RejectedRow[] = [];

  /** `rows` is greater than 1 when a fault in this row made the rows after it unreadable, too. */
  add(row: RejectedRow, rows = 1): void {
    this.count += rows;
    if (this.sample.length < MAX_REJECTED_SAMPLE) this.sample.push(row);
  }

  /** A copy, for a pass whose result may be discarded. */
  copy(): RejectedRows {
    const copied = new RejectedRows();
    copied.addAll(this.count, this.sample);
    return copied;
  }

  /** Adds the result of another pass over the same file. */
  addAll(count: number, sample: RejectedRow[]): void {
    this.count += count;
    this.sample = [...this.sample, ...sample].sort((a, b) => a.line - b.line).slice(0, MAX_REJECTED_SAMPLE);
  }
}
