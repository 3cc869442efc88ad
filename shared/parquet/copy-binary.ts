import { SluiceError } from '#shared/errors/sluice-error.ts';

/** "PGCOPY\n\xff\r\n\0", flags and the length of an extension, which no server sends. */
const HEADER_BYTES = 19;
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
/** Field count of the trailer, and length of a null. */
const NONE = -1;
/** Holds several chunks of a socket; grows to the largest row. */
const WINDOW_BYTES = 2 ** 18;

/**
 * Reads PostgreSQL's binary COPY format (documentation of COPY, "Binary Format") row by row from a blocking source.
 * `read` fills a part of its argument and returns how many bytes; 0 is the end.
 */
export class CopyBinaryReader {
  /** Bytes that are here; a field stays where it is until the next call that may read. */
  bytes = new Uint8Array(WINDOW_BYTES);
  view = new DataView(this.bytes.buffer);
  #read: (target: Uint8Array) => number;
  #at = 0;
  #end = 0;

  constructor(read: (target: Uint8Array) => number) {
    this.#read = read;
  }

  /** Reads the header. Throws when this is not COPY's binary format. */
  start(): void {
    const at = this.#take(HEADER_BYTES);
    if (SIGNATURE.compare(this.bytes, at, at + SIGNATURE.length) !== 0)
      throw broken('it does not begin as COPY BINARY does');
  }

  /** Begins a row; false at the trailer. */
  nextRow(columns: number): boolean {
    const count = this.view.getInt16(this.#take(2));
    if (count === NONE) return false;
    if (count !== columns) throw broken(`a row has ${count} fields instead of ${columns}`);
    return true;
  }

  /** Length in bytes of the next field; -1 for null. */
  nextLength(): number {
    return this.view.getInt32(this.#take(4));
  }

  /** Position in `bytes` of the next field, which is whole. */
  nextValue(length: number): number {
    return this.#take(length);
  }

  #take(count: number): number {
    if (this.#end - this.#at < count) this.#fill(count);
    const at = this.#at;
    this.#at += count;
    return at;
  }

  #fill(count: number): void {
    const kept = this.#end - this.#at;
    if (count > this.bytes.length) {
      const larger = new Uint8Array(2 ** Math.ceil(Math.log2(count)));
      larger.set(this.bytes.subarray(this.#at, this.#end));
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    } else {
      this.bytes.copyWithin(0, this.#at, this.#end);
    }
    this.#at = 0;
    this.#end = kept;
    while (this.#end < count) {
      const more = this.#read(this.bytes.subarray(this.#end));
      if (more === 0) throw broken('it ends in the middle of a row');
      this.#end += more;
    }
  }
}

function broken(why: string): SluiceError {
  return new SluiceError('EXPORT_MISMATCH', `PostgreSQL's answer to COPY cannot be read: ${why}.`);
}
