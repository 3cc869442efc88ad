import { SluiceError } from '#shared/errors/sluice-error.ts';
import { COPY_HEADER, COUNT_BYTES, LENGTH_BYTES, SIGNATURE, TRAILER_COUNT } from './copy-format.ts';

/** Initial size of the buffer: several chunks of a socket. It grows to the largest field. */
const WINDOW_BYTES = 2 ** 18;

/**
 * Reads PostgreSQL's binary COPY format (documentation of COPY, "Binary Format") row by row from a blocking source.
 * `read` fills a part of its argument and returns the number of bytes; 0 is the end. pg-copy-streams-binary 2.2.0 was
 * tried and took 50 times as long (3 s against 60 ms for 200,000 rows), because it creates an object for each field.
 */
export class CopyBinaryReader {
  /** The buffer. The position of a field is valid until the next call of a method. */
  bytes = new Uint8Array(WINDOW_BYTES);
  view = new DataView(this.bytes.buffer);
  #read: (target: Uint8Array) => number;
  #at = 0;
  #end = 0;

  constructor(read: (target: Uint8Array) => number) {
    this.#read = read;
  }

  /** Reads the header. Throws EXPORT_MISMATCH when it is not that of the binary format. */
  start(): void {
    const at = this.#take(COPY_HEADER.length);
    if (SIGNATURE.compare(this.bytes, at, at + SIGNATURE.length) !== 0)
      throw malformed('it does not start with the signature of the binary format');
  }

  /** Starts the next row. Returns false at the trailer. */
  nextRow(columns: number): boolean {
    const count = this.view.getInt16(this.#take(COUNT_BYTES));
    if (count === TRAILER_COUNT) return false;
    if (count !== columns) throw malformed(`a row has ${count} fields instead of ${columns}`);
    return true;
  }

  /** Length in bytes of the next field; -1 for null. */
  nextLength(): number {
    return this.view.getInt32(this.#take(LENGTH_BYTES));
  }

  /** Position in `bytes` of the next field. */
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
      if (more === 0) throw malformed('it ends in the middle of a row');
      this.#end += more;
    }
  }
}

function malformed(why: string): SluiceError {
  return new SluiceError('EXPORT_MISMATCH', `The output of PostgreSQL's COPY cannot be read: ${why}.`);
}
