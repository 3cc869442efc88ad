import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { FlatTable } from './flatbuffer.ts';
import type { Dimensions } from './flatgeobuf-geometry.ts';
import type { RowType } from './table-reader.ts';

const MAGIC_BYTES = 8;
const CHUNK_BYTES = 2 ** 20;
/** GDAL's limit of a header, and of a feature. */
const MAX_HEADER_BYTES = 10 * 2 ** 20;
const MAX_FEATURE_BYTES = 2 ** 31 - 1;

/** Fields of the tables Header, Column and Feature. */
const HEADER = { geometryType: 2, hasZ: 3, hasM: 4, columns: 7, count: 8, nodeSize: 9 };
const COLUMN = { name: 0, type: 1 };
export const FEATURE = { geometry: 0, properties: 1 };
const DEFAULT_NODE_SIZE = 16;
const NODE_BYTES = 40;

/** The types of columns, in the order of the schema header.fbs, and the bytes of their values. */
export const TYPES: { name: string; bytes?: number; type: RowType }[] = [
  { name: 'Byte', bytes: 1, type: 'smallint' },
  { name: 'UByte', bytes: 1, type: 'smallint' },
  { name: 'Bool', bytes: 1, type: 'boolean' },
  { name: 'Short', bytes: 2, type: 'smallint' },
  { name: 'UShort', bytes: 2, type: 'integer' },
  { name: 'Int', bytes: 4, type: 'integer' },
  { name: 'UInt', bytes: 4, type: 'bigint' },
  { name: 'Long', bytes: 8, type: 'bigint' },
  { name: 'ULong', bytes: 8, type: 'bigint' },
  { name: 'Float', bytes: 4, type: 'real' },
  { name: 'Double', bytes: 8, type: 'double precision' },
  { name: 'String', type: 'character varying' },
  { name: 'Json', type: 'character varying' },
  { name: 'DateTime', type: 'timestamp with time zone' },
  { name: 'Binary', type: 'bytea' },
];
interface FlatColumn {
  name: string;
  code: number;
}

/** A FlatGeobuf file: magic bytes, header, index, features. Each message starts with its length. */
export class FlatFile {
  readonly columns: FlatColumn[];
  readonly geometryType: number;
  readonly dimensions: Dimensions;
  readonly #descriptor: number;
  readonly #file: string;
  readonly #start: number;
  /** Features that the header declares; 0 when it does not. */
  readonly #count: number;

  constructor(path: string, file: string) {
    this.#file = file;
    this.#descriptor = openSync(path, 'r');
    const messages = new MessageReader(this.#descriptor, MAGIC_BYTES);
    const header = this.check(() => FlatTable.root(messages.next(MAX_HEADER_BYTES) ?? new Uint8Array()));
    this.columns = this.check(() =>
      header
        .tables(HEADER.columns)
        .map((column) => ({ name: column.text(COLUMN.name), code: column.uint8(COLUMN.type) })),
    );
    const unknown = this.columns.find(({ code }) => !(code in TYPES));
    if (unknown !== undefined) throw this.#damaged(`column ${JSON.stringify(unknown.name)} has an unknown type`);
    this.geometryType = header.uint8(HEADER.geometryType);
    this.dimensions = { z: header.uint8(HEADER.hasZ) !== 0, m: header.uint8(HEADER.hasM) !== 0 };
    const nodeSize = header.uint16(HEADER.nodeSize, DEFAULT_NODE_SIZE);
    this.#count = Number(header.uint64(HEADER.count));
    this.#start = messages.position + indexBytes(this.#count, nodeSize);
  }

  *features(): Generator<{ feature: FlatTable; row: number }> {
    const messages = new MessageReader(this.#descriptor, this.#start);
    for (let row = 1; ; row++) {
      const feature = this.check(() => {
        const message = messages.next(MAX_FEATURE_BYTES);
        return message === undefined ? undefined : FlatTable.root(message);
      }, row);
      if (feature !== undefined) {
        yield { feature, row };
        continue;
      }
      if (this.#count > 0 && row - 1 !== this.#count)
        throw this.#damaged(`it has ${row - 1} features, but its header declares ${this.#count}`);
      return;
    }
  }

  /** The properties of a feature. Sets the positions of the values in them; undefined for a missing value. */
  locate(feature: FlatTable, values: (number | undefined)[]): { properties: Uint8Array; view: DataView } {
    const properties = feature.bytes(FEATURE.properties, 1);
    const view = new DataView(properties.buffer, properties.byteOffset, properties.byteLength);
    values.length = 0;
    let at = 0;
    // A single byte is not a value. Some programs write one at the end.
    while (at + 1 < properties.length) {
      const index = view.getUint16(at, true);
      const type = TYPES[this.columns[index]?.code ?? -1];
      if (type === undefined) throw new RangeError('A value belongs to no column.');
      at += 2;
      values[index] = at;
      at += type.bytes ?? 4 + view.getUint32(at, true);
      if (at > properties.length) throw new RangeError('A value exceeds its feature.');
    }
    return { properties, view };
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  /** The result of `read`. A position outside of a message means that the file is damaged. */
  check<T>(read: () => T, row?: number): T {
    try {
      return read();
    } catch (thrown) {
      if (!(thrown instanceof RangeError)) throw thrown;
      throw this.#damaged(row === undefined ? 'its header cannot be read' : `row ${row} cannot be read`, row);
    }
  }

  #damaged(reason: string, row?: number): SluiceError {
    return new SluiceError('FILE_UNREADABLE', `${this.#file} is damaged: ${reason}. Export it again.`, {
      details: { file: this.#file, ...(row === undefined ? {} : { row }) },
    });
  }
}

/** The size of the packed R-tree of so many features. */
export function indexBytes(features: number, nodeSize: number): number {
  if (nodeSize < 2 || features === 0) return 0;
  let nodes = features;
  for (let level = features; level > 1;) {
    level = Math.ceil(level / nodeSize);
    nodes += level;
  }
  return (features === 1 ? 2 : nodes) * NODE_BYTES;
}

/** Reads messages that start with their length. */
class MessageReader {
  readonly #descriptor: number;
  readonly #size: number;
  #chunk: Buffer = Buffer.alloc(0);
  /** The position of the first byte of the chunk in the file, and the next byte in the chunk. */
  #start: number;
  #at = 0;

  constructor(descriptor: number, position: number) {
    this.#descriptor = descriptor;
    this.#size = fstatSync(descriptor).size;
    this.#start = position;
  }

  get position(): number {
    return this.#start + this.#at;
  }

  /** The next message; undefined at the end of the file. Throws RangeError for an incomplete one. */
  next(maxBytes: number): Uint8Array | undefined {
    if (!this.#fill(4)) {
      if (this.#at === this.#chunk.length) return undefined;
      throw new RangeError('A length is incomplete.');
    }
    const length = this.#chunk.readUInt32LE(this.#at);
    const isInFile = this.position + 4 + length <= this.#size;
    if (length > maxBytes || !isInFile || !this.#fill(4 + length)) throw new RangeError('A message is incomplete.');
    const message = this.#chunk.subarray(this.#at + 4, this.#at + 4 + length);
    this.#at += 4 + length;
    return message;
  }

  /** Reads so that the chunk has so many bytes left. Returns false at the end of the file. */
  #fill(bytes: number): boolean {
    const left = this.#chunk.length - this.#at;
    if (left >= bytes) return true;
    const chunk = Buffer.allocUnsafe(Math.max(CHUNK_BYTES, bytes));
    this.#chunk.copy(chunk, 0, this.#at);
    this.#start += this.#at;
    this.#at = 0;
    let filled = left;
    while (filled < bytes) {
      const count = readSync(this.#descriptor, chunk, filled, chunk.length - filled, this.#start + filled);
      if (count === 0) break;
      filled += count;
    }
    this.#chunk = chunk.subarray(0, filled);
    return filled >= bytes;
  }
}
