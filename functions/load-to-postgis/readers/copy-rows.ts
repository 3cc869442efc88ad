import { COUNT_BYTES, LENGTH_BYTES, NULL_LENGTH } from '#shared/databases/copy-binary/copy-format.ts';

/**
 * Writes rows of JavaScript values in PostgreSQL's binary COPY format, so that no number passes through a text. Values
 * are appended to one buffer, which `take` hands over. pg-copy-streams-binary is not used, because it creates an object
 * for each field (see CopyBinaryReader for its time).
 */

const INITIAL_BYTES = 2 ** 20;

export class CopyRows {
  #bytes = Buffer.allocUnsafe(INITIAL_BYTES);
  #at = 0;
  readonly #encoder = new TextEncoder();

  /** Number of bytes that were written since the last `take`. */
  get size(): number {
    return this.#at;
  }

  /** The bytes since the last call. They are not overwritten. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.subarray(0, this.#at) as Uint8Array<ArrayBuffer>;
    this.#bytes = Buffer.allocUnsafe(INITIAL_BYTES);
    this.#at = 0;
    return taken;
  }

  startRow(columns: number): void {
    this.#reserve(COUNT_BYTES);
    this.#at = this.#bytes.writeInt16BE(columns, this.#at);
  }

  null(): void {
    this.#reserve(LENGTH_BYTES);
    this.#at = this.#bytes.writeInt32BE(NULL_LENGTH, this.#at);
  }

  boolean(value: boolean): void {
    this.#start(1);
    this.#at = this.#bytes.writeUInt8(value ? 1 : 0, this.#at);
  }

  int16(value: number): void {
    this.#start(2);
    this.#at = this.#bytes.writeInt16BE(value, this.#at);
  }

  int32(value: number): void {
    this.#start(4);
    this.#at = this.#bytes.writeInt32BE(value, this.#at);
  }

  int64(value: number | bigint): void {
    this.#start(8);
    this.#at = this.#bytes.writeBigInt64BE(BigInt(value), this.#at);
  }

  /** An integer that is not negative as numeric: groups of four decimal digits. */
  numeric(value: bigint): void {
    const digits = value.toString();
    const groups = value === 0n ? [] : (digits.padStart(Math.ceil(digits.length / 4) * 4, '0').match(/\d{4}/g) ?? []);
    this.#start(8 + 2 * groups.length);
    for (const number of [groups.length, Math.max(0, groups.length - 1), 0, 0, ...groups.map(Number)])
      this.#at = this.#bytes.writeInt16BE(number, this.#at);
  }

  float32(value: number): void {
    this.#start(4);
    this.#at = this.#bytes.writeFloatBE(value, this.#at);
  }

  float64(value: number): void {
    this.#start(8);
    this.#at = this.#bytes.writeDoubleBE(value, this.#at);
  }

  bytes(value: Uint8Array): void {
    this.#start(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  text(value: string): void {
    this.#reserve(LENGTH_BYTES + 3 * value.length); // A UTF-16 code unit has at most 3 bytes in UTF-8.
    const { written } = this.#encoder.encodeInto(value, this.#bytes.subarray(this.#at + LENGTH_BYTES));
    this.#at = this.#bytes.writeInt32BE(written, this.#at) + written;
  }

  #start(length: number): void {
    this.#reserve(LENGTH_BYTES + length);
    this.#at = this.#bytes.writeInt32BE(length, this.#at);
  }

  #reserve(length: number): void {
    const needed = this.#at + length;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = larger;
  }
}
