import { SluiceError } from '#shared/errors/sluice-error.ts';

/** Signature, flags, and the length of the header extension, which PostgreSQL does not use. */
const HEADER_BYTES = 19;
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
/** Field count of the trailer. */
const TRAILER_COUNT = -1;
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
    const at = this.#take(HEADER_BYTES);
    if (SIGNATURE.compare(this.bytes, at, at + SIGNATURE.length) !== 0)
      throw malformed('it does not start with the signature of the binary format');
  }

  /** Starts the next row. Returns false at the trailer. */
  nextRow(columns: number): boolean {
    const count = this.view.getInt16(this.#take(2));
    if (count === TRAILER_COUNT) return false;
    if (count !== columns) throw malformed(`a row has ${count} fields instead of ${columns}`);
    return true;
  }

  /** Length in bytes of the next field; -1 for null. */
  nextLength(): number {
    return this.view.getInt32(this.#take(4));
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

/**
 * A column in transit between PostgreSQL and DuckDB. The types are those whose bytes are equal in both, except for the
 * byte order. SQL on both sides converts other types, such as dates and decimals, to these types.
 */
export interface RawColumn {
  type: RawType;
  /** A list of `type`; in PostgreSQL a one-dimensional array. */
  list: boolean;
}

export type RawType = 'BOOLEAN' | 'SMALLINT' | 'INTEGER' | 'BIGINT' | 'FLOAT' | 'DOUBLE' | 'VARCHAR' | 'JSON' | 'BLOB';

/** Width of the types with a fixed length. */
export const BYTES_PER_VALUE: Partial<Record<RawType, number>> = {
  BOOLEAN: 1,
  SMALLINT: 2,
  INTEGER: 4,
  BIGINT: 8,
  FLOAT: 4,
  DOUBLE: 8,
};
