import { ESCAPE, SEPARATOR } from './staged-text.ts';

/** A row longer than this is rejected: the reader holds one whole. */
export const MAX_ROW_BYTES = 16 * 2 ** 20;
const START_BYTES = 2 ** 16;
/** Digits of a line number, its separator and the end of the row, with room. */
const FRAME_BYTES = 32;
const NEWLINE = 0x0a;
const ZERO = 0x30;

/** Writes staged rows into memory that grows to the longest row; `take` hands over those that are whole. */
export class RowWriter {
  #out = new Uint8Array(START_BYTES);
  #at = 0;
  #rowStart = 0;
  #fieldStart = 0;
  /** Bytes of the longest row. */
  longest = 0;

  /** Makes room for `bytes` more bytes, each of which may need an escape, and the frame of a row. */
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

  writeEscaped(mark: number): void {
    this.#out[this.#at++] = ESCAPE;
    this.#out[this.#at++] = mark;
  }

  writeAll(bytes: Uint8Array): void {
    this.#out.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  get fieldLength(): number {
    return this.#at - this.#fieldStart;
  }

  fieldIs(bytes: Uint8Array): boolean {
    return (
      bytes.length === this.fieldLength && bytes.every((byte, index) => this.#out[this.#fieldStart + index] === byte)
    );
  }

  clearField(): void {
    this.#at = this.#fieldStart;
  }

  /** Takes the last field away with its separator. */
  dropField(): void {
    this.#at = this.#fieldStart - 1;
  }

  /** Bytes of the row so far. */
  get rowLength(): number {
    return this.#at - this.#rowStart;
  }

  endRow(): void {
    this.#out[this.#at++] = NEWLINE;
    this.longest = Math.max(this.longest, this.rowLength);
    this.#rowStart = this.#at;
    this.#fieldStart = this.#at;
  }

  /** Throws the row away; the next one begins where it began. */
  dropRow(): void {
    this.#at = this.#rowStart;
    this.#fieldStart = this.#rowStart;
  }

  /** The whole rows since the last time; the one that is under way stays. */
  take(): Buffer {
    const whole = Buffer.from(this.#out.slice(0, this.#rowStart).buffer);
    this.#out.copyWithin(0, this.#rowStart, this.#at);
    this.#at -= this.#rowStart;
    this.#fieldStart -= this.#rowStart;
    this.#rowStart = 0;
    return whole;
  }
}
