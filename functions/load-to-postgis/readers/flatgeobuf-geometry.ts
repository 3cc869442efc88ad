import type { FlatTable } from './flatbuffer.ts';

/** Converts a geometry of FlatGeobuf (its schema feature.fbs) to well-known binary. */

/** Numbers of the fields of the FlatBuffers table Geometry. */
const [ENDS, XY, Z, M, TYPE, PARTS] = [0, 1, 2, 3, 6, 7];
const [POINT, LINE, POLYGON, MULTIPOINT, MULTILINE, MULTIPOLYGON] = [1, 2, 3, 4, 5, 6];
const [CIRCULAR, TIN, TRIANGLE] = [8, 16, 17];
/** Types that consist of parts of any type. */
const COLLECTIONS = new Set([7, 9, 10, 11, 12, 15]);
const MAX_DEPTH = 32;
const ORDINATE_BYTES = 8;
const HEADER_BYTES = 5;

export interface Dimensions {
  z: boolean;
  m: boolean;
}

/** The geometry as WKB, little-endian; undefined for an empty one, and for an unknown type. */
export function wkbOfFlat(geometry: FlatTable, layerType: number, dimensions: Dimensions): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  const writer = new WkbWriter(dimensions, parts);
  return writer.write(geometry, layerType === 0 ? geometry.uint8(TYPE) : layerType, 0) ? join(parts) : undefined;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  return parts.length === 1 && first !== undefined ? first : Buffer.concat(parts);
}

class WkbWriter {
  readonly #dimensions: Dimensions;
  readonly #ordinates: number;
  readonly #parts: Uint8Array[];

  constructor(dimensions: Dimensions, parts: Uint8Array[]) {
    this.#dimensions = dimensions;
    this.#ordinates = 2 + Number(dimensions.z) + Number(dimensions.m);
    this.#parts = parts;
  }

  /** Returns false for a geometry without points, and for one of an unknown type. */
  write(geometry: FlatTable, type: number, depth: number): boolean {
    if (depth > MAX_DEPTH) throw new RangeError('Geometries are nested too deep.');
    if (COLLECTIONS.has(type) || type === MULTIPOLYGON) return this.#writeParts(geometry, type, depth);
    const xy = geometry.bytes(XY, ORDINATE_BYTES);
    const points = Math.floor(xy.length / (2 * ORDINATE_BYTES));
    if (points === 0) return false;
    const ends = endsOf(geometry, points);
    switch (type) {
      case POINT:
        this.#run(type, 0, geometry, 0, 1);
        return true;
      case LINE:
      case CIRCULAR:
        this.#run(type, 1, geometry, 0, points, points);
        return true;
      case POLYGON:
      case TRIANGLE:
        this.#rings(type, geometry, ends);
        return true;
      case MULTIPOINT:
        this.#header(type, points);
        for (let point = 0; point < points; point++) this.#run(POINT, 0, geometry, point, point + 1);
        return true;
      case MULTILINE:
      case TIN:
        this.#header(type, ends.length);
        for (const [index, end] of ends.entries()) {
          const start = ends[index - 1] ?? 0;
          if (type === TIN) this.#rings(TRIANGLE, geometry, [end], start);
          else this.#run(LINE, 1, geometry, start, end, end - start);
        }
        return true;
      default:
        return false;
    }
  }

  #writeParts(geometry: FlatTable, type: number, depth: number): boolean {
    const parts = geometry.tables(PARTS);
    if (parts.length === 0 && type === MULTIPOLYGON && geometry.bytes(XY, ORDINATE_BYTES).length > 0) {
      this.#header(type, 1); // A multipolygon of one polygon can be written without parts.
      return this.write(geometry, POLYGON, depth + 1);
    }
    if (parts.length === 0) return false;
    this.#header(type, parts.length);
    for (const part of parts) {
      const partType = type === MULTIPOLYGON ? POLYGON : part.uint8(TYPE);
      if (!this.write(part, partType, depth + 1)) this.#header(partType, 0);
    }
    return true;
  }

  #header(type: number, count: number): void {
    const bytes = Buffer.allocUnsafe(HEADER_BYTES + 4);
    bytes.writeUInt8(1, 0);
    bytes.writeUInt32LE(this.#code(type), 1);
    bytes.writeUInt32LE(count, HEADER_BYTES);
    this.#parts.push(bytes);
  }

  #code(type: number): number {
    return type + (this.#dimensions.z ? 1000 : 0) + (this.#dimensions.m ? 2000 : 0);
  }

  /** A header, `counts` (0 or 1) numbers, and the points of a range. */
  #run(type: number, counts: 0 | 1, geometry: FlatTable, from: number, to: number, count = 0): void {
    const start = HEADER_BYTES + 4 * counts;
    const bytes = Buffer.allocUnsafe(start + (to - from) * this.#ordinates * ORDINATE_BYTES);
    bytes.writeUInt8(1, 0);
    bytes.writeUInt32LE(this.#code(type), 1);
    if (counts === 1) bytes.writeUInt32LE(count, HEADER_BYTES);
    this.#copyPoints(geometry, from, to, bytes, start);
    this.#parts.push(bytes);
  }

  #rings(type: number, geometry: FlatTable, ends: readonly number[], first = 0): void {
    const last = ends.at(-1) ?? first;
    const size = HEADER_BYTES + 4 + 4 * ends.length + (last - first) * this.#ordinates * ORDINATE_BYTES;
    const bytes = Buffer.allocUnsafe(size);
    bytes.writeUInt8(1, 0);
    bytes.writeUInt32LE(this.#code(type), 1);
    bytes.writeUInt32LE(ends.length, HEADER_BYTES);
    let at = HEADER_BYTES + 4;
    let start = first;
    for (const end of ends) {
      at = bytes.writeUInt32LE(end - start, at);
      at = this.#copyPoints(geometry, start, end, bytes, at);
      start = end;
    }
    this.#parts.push(bytes);
  }

  /** Copies the bytes of the ordinates, which FlatGeobuf has in a vector for each of XY, Z and M. */
  #copyPoints(geometry: FlatTable, from: number, to: number, target: Buffer, start: number): number {
    const xy = geometry.bytes(XY, ORDINATE_BYTES);
    if (2 * to * ORDINATE_BYTES > xy.length || to < from) throw new RangeError('Points are missing.');
    if (this.#ordinates === 2) {
      target.set(xy.subarray(2 * from * ORDINATE_BYTES, 2 * to * ORDINATE_BYTES), start);
      return start + 2 * (to - from) * ORDINATE_BYTES;
    }
    const others = [...(this.#dimensions.z ? [Z] : []), ...(this.#dimensions.m ? [M] : [])].map((field) =>
      geometry.bytes(field, ORDINATE_BYTES),
    );
    let at = start;
    for (let point = from; point < to; point++) {
      target.set(xy.subarray(2 * point * ORDINATE_BYTES, 2 * (point + 1) * ORDINATE_BYTES), at);
      at += 2 * ORDINATE_BYTES;
      for (const values of others) {
        const value = values.subarray(point * ORDINATE_BYTES, (point + 1) * ORDINATE_BYTES);
        if (value.length === ORDINATE_BYTES) target.set(value, at);
        else throw new RangeError('Ordinates are missing.');
        at += ORDINATE_BYTES;
      }
    }
    return at;
  }
}

/** The ends of rings or lines as numbers of points. Without this field, there is one. */
function endsOf(geometry: FlatTable, points: number): number[] {
  const bytes = geometry.bytes(ENDS, 4);
  if (bytes.length === 0) return [points];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(4 * index, true));
}
