import duckdb from '@duckdb/node-bindings';
import { BYTES_PER_VALUE, type RawColumn, type RawType } from '#shared/databases/copy-binary/copy-format.ts';
import type { CopyBinaryReader } from '#shared/databases/copy-binary/reader.ts';

/**
 * Fills DuckDB vectors from fields of PostgreSQL's binary COPY. The bindings are used directly, because the setters of
 * `@duckdb/node-api` create one object per value, which takes three times as long on a wide table.
 */

/** DuckDB's vector size: the largest number of rows in a chunk. */
export const CHUNK_ROWS = duckdb.vector_size();

/** Fills one column of a chunk of DuckDB with values. */
export interface ColumnFiller {
  /** Starts a chunk, whose values are written to `vector`. */
  begin(vector: duckdb.Vector): void;
  put(row: number, source: CopyBinaryReader, at: number, length: number): void;
  putNull(row: number): void;
  /** Ends a chunk of `rows` rows. */
  finish(rows: number): void;
}

export function columnFiller(column: RawColumn): ColumnFiller {
  return column.list ? new ListFiller(valuesOf(column.type)) : new FlatFiller(valuesOf(column.type));
}

/** The values of a vector. `reserve` allocates space for `count` of them. */
interface Values {
  reserve(count: number): void;
  put(vector: duckdb.Vector, index: number, source: CopyBinaryReader, at: number, length: number): void;
  flush(vector: duckdb.Vector, count: number): void;
}

function valuesOf(type: RawType): Values {
  const width = BYTES_PER_VALUE[type];
  return width === undefined ? BYTES : new FixedValues(width);
}

/** Text and blobs. DuckDB copies each value. */
const BYTES: Values = {
  reserve: () => undefined,
  put: (vector, index, source, at, length) =>
    duckdb.vector_assign_string_element_len(vector, index, source.bytes.subarray(at, at + length)),
  flush: () => undefined,
};

/** Numbers of 1, 2, 4 or 8 bytes: converted from network order to little-endian, and copied as one block. */
class FixedValues implements Values {
  #width: number;
  #block: Uint8Array;
  #view: DataView;

  constructor(width: number) {
    this.#width = width;
    this.#block = new Uint8Array(width * CHUNK_ROWS);
    this.#view = new DataView(this.#block.buffer);
  }

  reserve(count: number): void {
    if (count * this.#width <= this.#block.length) return;
    const larger = new Uint8Array(count * this.#width * 2);
    larger.set(this.#block);
    this.#block = larger;
    this.#view = new DataView(larger.buffer);
  }

  put(_vector: duckdb.Vector, index: number, source: CopyBinaryReader, at: number): void {
    const to = index * this.#width;
    switch (this.#width) {
      case 8:
        this.#view.setUint32(to, source.view.getUint32(at + 4), true);
        this.#view.setUint32(to + 4, source.view.getUint32(at), true);
        break;
      case 4:
        this.#view.setUint32(to, source.view.getUint32(at), true);
        break;
      case 2:
        this.#view.setUint16(to, source.view.getUint16(at), true);
        break;
      default:
        this.#block[to] = source.bytes[at] ?? 0;
    }
  }

  flush(vector: duckdb.Vector, count: number): void {
    duckdb.copy_data_to_vector(vector, 0, this.#block.buffer as ArrayBuffer, 0, count * this.#width);
  }
}

/** The null rows of a vector: one bit for each row, 1 is valid. */
class Validity {
  #bits = new Uint8Array(CHUNK_ROWS / 8).fill(ALL_VALID);
  #anyNull = false;

  setNull(index: number): void {
    this.#reserve(index + 1);
    this.#anyNull = true;
    const byte = index >> 3;
    this.#bits[byte] = (this.#bits[byte] ?? ALL_VALID) & ~(1 << (index & 7));
  }

  flush(vector: duckdb.Vector, count: number): void {
    if (!this.#anyNull) return; // All rows of a new vector are valid.
    this.#reserve(count);
    duckdb.vector_ensure_validity_writable(vector);
    duckdb.copy_data_to_vector_validity(vector, 0, this.#bits.buffer, 0, Math.ceil(count / 64) * 8);
    this.#bits.fill(ALL_VALID);
    this.#anyNull = false;
  }

  /** DuckDB stores the bits in words of 64. */
  #reserve(count: number): void {
    const bytes = Math.ceil(count / 64) * 8;
    if (bytes <= this.#bits.length) return;
    const larger = new Uint8Array(bytes * 2).fill(ALL_VALID);
    larger.set(this.#bits);
    this.#bits = larger;
  }
}

const ALL_VALID = 0xff;

class FlatFiller implements ColumnFiller {
  #values: Values;
  #validity = new Validity();
  #vector!: duckdb.Vector;

  constructor(values: Values) {
    this.#values = values;
  }

  begin(vector: duckdb.Vector): void {
    this.#vector = vector;
  }

  put(row: number, source: CopyBinaryReader, at: number, length: number): void {
    this.#values.put(this.#vector, row, source, at, length);
  }

  putNull(row: number): void {
    this.#validity.setNull(row);
  }

  finish(rows: number): void {
    this.#values.flush(this.#vector, rows);
    this.#validity.flush(this.#vector, rows);
  }
}

/** Each row is an offset and a length in a child vector with the elements of all rows. */
class ListFiller implements ColumnFiller {
  #values: Values;
  #validity = new Validity();
  #elementValidity = new Validity();
  #entries = new BigUint64Array(CHUNK_ROWS * 2);
  #vector!: duckdb.Vector;
  #child!: duckdb.Vector;
  #reserved = 0;
  #used = 0;

  constructor(values: Values) {
    this.#values = values;
  }

  begin(vector: duckdb.Vector): void {
    this.#vector = vector;
    this.#used = 0;
    this.#reserved = 0;
    this.#grow(CHUNK_ROWS);
  }

  /**
   * The field is a PostgreSQL array: dimensions, null flag, element type, length and lower bound of the dimension,
   * elements.
   */
  put(row: number, source: CopyBinaryReader, at: number): void {
    const dimensions = source.view.getInt32(at);
    const count = dimensions === 0 ? 0 : source.view.getInt32(at + 12);
    this.#entries[row * 2] = BigInt(this.#used);
    this.#entries[row * 2 + 1] = BigInt(count);
    this.#grow(this.#used + count);
    let position = at + 20;
    for (let index = this.#used; index < this.#used + count; index++) {
      const length = source.view.getInt32(position);
      position += 4;
      if (length < 0) this.#elementValidity.setNull(index);
      else this.#values.put(this.#child, index, source, position, length);
      position += Math.max(length, 0);
    }
    this.#used += count;
  }

  putNull(row: number): void {
    this.#entries[row * 2] = BigInt(this.#used);
    this.#entries[row * 2 + 1] = 0n;
    this.#validity.setNull(row);
  }

  finish(rows: number): void {
    duckdb.list_vector_set_size(this.#vector, this.#used);
    this.#values.flush(this.#child, this.#used);
    this.#elementValidity.flush(this.#child, this.#used);
    duckdb.copy_data_to_vector(this.#vector, 0, this.#entries.buffer, 0, rows * 2 * BigUint64Array.BYTES_PER_ELEMENT);
    this.#validity.flush(this.#vector, rows);
  }

  #grow(count: number): void {
    if (count <= this.#reserved) return;
    this.#reserved = count * 2;
    duckdb.list_vector_reserve(this.#vector, this.#reserved);
    this.#child = duckdb.list_vector_get_child(this.#vector);
    this.#values.reserve(this.#reserved);
  }
}
