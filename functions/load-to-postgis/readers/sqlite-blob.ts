import { ewkbOf } from './wkb.ts';

/**
 * Reads the geometry blobs of GeoPackage (OGC 12-128r19, "Geometry Encoding"), of SpatiaLite (its page "BLOB-Geometry")
 * and of GDAL's SQLite databases, which hold WKB.
 */

const GEOPACKAGE_HEADER_BYTES = 8;
/** Bytes of the envelope, by its code. */
const ENVELOPE_BYTES = [0, 32, 48, 48, 64];
const EXTENDED_TYPE_FLAG = 0x20;
const [SPATIALITE_START, SPATIALITE_TINY, SPATIALITE_MBR_END, SPATIALITE_END] = [0x00, 0x80, 0x7c, 0xfe];
const SPATIALITE_MBR_END_AT = 38;
const ENTITY_MARK = 0x69;
/** Added to the type of a line or polygon whose points are stored as differences of 32 bits. */
const COMPRESSED = 1_000_000;

/** A blob as EWKB; undefined when it is not a geometry that PostGIS can read. */
export function ewkbOfBlob(blob: Uint8Array, srid: number): Uint8Array | undefined {
  const wkb = wkbOfBlob(blob);
  return wkb === undefined ? undefined : ewkbOf(wkb, srid);
}

function wkbOfBlob(blob: Uint8Array): Uint8Array | undefined {
  if (blob[0] === 0x47 && blob[1] === 0x50) return wkbOfGeoPackage(blob);
  if (blob.at(-1) === SPATIALITE_END) {
    if (blob[0] === SPATIALITE_TINY) return readSpatialite(blob, 6, true);
    if (blob[0] === SPATIALITE_START && blob[SPATIALITE_MBR_END_AT] === SPATIALITE_MBR_END)
      return readSpatialite(blob, SPATIALITE_MBR_END_AT + 1, false);
  }
  return blob;
}

function wkbOfGeoPackage(blob: Uint8Array): Uint8Array | undefined {
  const flags = blob[3] ?? 0;
  const envelope = ENVELOPE_BYTES[(flags >> 1) & 7];
  if (envelope === undefined || (flags & EXTENDED_TYPE_FLAG) !== 0) return undefined;
  return blob.subarray(GEOPACKAGE_HEADER_BYTES + envelope);
}

function readSpatialite(blob: Uint8Array, at: number, isTiny: boolean): Uint8Array | undefined {
  try {
    return new SpatialiteReader(blob, at).read(isTiny);
  } catch (thrown) {
    if (thrown instanceof RangeError) return undefined; // The blob ends too early.
    throw thrown;
  }
}

/** Converts a geometry of SpatiaLite to WKB. Reading after the end throws RangeError. */
class SpatialiteReader {
  readonly #view: DataView;
  readonly #little: boolean;
  #at: number;
  readonly #parts: Uint8Array[] = [];

  constructor(blob: Uint8Array, at: number) {
    this.#view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength - 1);
    this.#little = this.#view.getUint8(1) === 1;
    this.#at = at;
  }

  read(isTiny: boolean): Uint8Array | undefined {
    // A tiny point has one byte for its dimensions: XY, XYZ, XYM, XYZM.
    const type = isTiny ? 1 + 1000 * (this.#view.getUint8(this.#at++) - 1) : this.#int();
    return this.#geometry(type, 0) ? Buffer.concat(this.#parts) : undefined;
  }

  #int(): number {
    const value = this.#view.getInt32(this.#at, this.#little);
    this.#at += 4;
    return value;
  }

  #geometry(code: number, depth: number): boolean {
    const isCompressed = code >= COMPRESSED;
    const type = isCompressed ? code - COMPRESSED : code;
    const group = Math.floor(type / 1000);
    if (type <= 0 || group > 3 || depth > 1) return false;
    const doubles = 2 + Number(group === 1 || group === 3) + Number(group >= 2);
    const header = new DataView(new ArrayBuffer(5));
    header.setUint8(0, 1);
    header.setUint32(1, type, true);
    this.#parts.push(new Uint8Array(header.buffer));
    switch (type % 1000) {
      case 1:
        return this.#points(1, doubles, group, false);
      case 2:
        return this.#points(this.#count(), doubles, group, isCompressed);
      case 3:
        return this.#repeat(() => this.#points(this.#count(), doubles, group, isCompressed));
      case 4:
      case 5:
      case 6:
      case 7:
        return this.#repeat(() => {
          if (this.#view.getUint8(this.#at++) !== ENTITY_MARK) return false;
          return this.#geometry(this.#int(), depth + 1);
        });
      default:
        return false;
    }
  }

  #repeat(part: () => boolean): boolean {
    const count = this.#count();
    for (let index = 0; index < count; index++) if (!part()) return false;
    return true;
  }

  /** Reads a number of parts, and writes it. */
  #count(): number {
    const count = this.#int();
    if (count < 0 || count > this.#view.byteLength) throw new RangeError('Invalid count.');
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(count);
    this.#parts.push(bytes);
    return count;
  }

  #points(count: number, doubles: number, group: number, isCompressed: boolean): boolean {
    if (count * doubles * 4 > this.#view.byteLength) throw new RangeError('Invalid count.');
    const target = new DataView(new ArrayBuffer(count * doubles * 8));
    for (let point = 0; point < count; point++) {
      const isDifference = isCompressed && point > 0 && point < count - 1;
      for (let dimension = 0; dimension < doubles; dimension++) {
        const to = (point * doubles + dimension) * 8;
        const isMeasure = group >= 2 && dimension === doubles - 1;
        target.setFloat64(to, isDifference && !isMeasure ? this.#next(target, to - doubles * 8) : this.#double(), true);
      }
    }
    this.#parts.push(new Uint8Array(target.buffer));
    return true;
  }

  #next(target: DataView, previous: number): number {
    const difference = this.#view.getFloat32(this.#at, this.#little);
    this.#at += 4;
    return target.getFloat64(previous, true) + difference;
  }

  #double(): number {
    const value = this.#view.getFloat64(this.#at, this.#little);
    this.#at += 8;
    return value;
  }
}
