/**
 * Checks well-known binary geometries (OGC 06-103r4, ISO 13249-3) and adds their SRID. PostGIS rejects the whole COPY
 * for one invalid geometry, so that they are found before.
 */

/** Flags of PostGIS's extended types, and of the older notation of Z. */
const [Z_FLAG, M_FLAG, SRID_FLAG] = [0x80000000, 0x40000000, 0x20000000];
const FLAGS = Z_FLAG | M_FLAG | SRID_FLAG;
const HEADER_BYTES = 5;
const SRID_BYTES = 4;
const XY_BYTES = 16;
/** PostGIS reads up to 200 levels. */
const MAX_DEPTH = 100;

const [POINT, LINE, POLYGON, CIRCULAR, TRIANGLE] = [1, 2, 3, 8, 17];
/** Collections, and the types of their parts; undefined for any type. */
const PARTS: Record<number, readonly number[] | undefined> = {
  4: [POINT],
  5: [LINE],
  6: [POLYGON],
  7: undefined,
  9: [LINE, CIRCULAR],
  10: [LINE, CIRCULAR, 9],
  11: [LINE, CIRCULAR, 9],
  12: [POLYGON, 10],
  15: [POLYGON],
  16: [TRIANGLE],
};
const MIN_LINE_POINTS = 2;
const MIN_ARC_POINTS = 3;
const MIN_RING_POINTS = 4;

/** The bytes of a geometry as PostGIS's EWKB; undefined when PostGIS cannot read them. */
export function ewkbOf(wkb: Uint8Array, srid: number): Uint8Array | undefined {
  const view = new DataView(wkb.buffer, wkb.byteOffset, wkb.byteLength);
  const end = endOfGeometry(view, 0, 0);
  if (end === undefined) return undefined;
  const little = view.getUint8(0) === 1;
  const type = view.getUint32(1, little);
  const start = (type & SRID_FLAG) === 0 ? HEADER_BYTES : HEADER_BYTES + SRID_BYTES;
  const ewkb = new Uint8Array(HEADER_BYTES + SRID_BYTES + end - start);
  const target = new DataView(ewkb.buffer);
  target.setUint8(0, view.getUint8(0));
  target.setUint32(1, (type | SRID_FLAG) >>> 0, little);
  target.setInt32(HEADER_BYTES, srid, little);
  ewkb.set(wkb.subarray(start, end), HEADER_BYTES + SRID_BYTES);
  return ewkb;
}

/** The type of a geometry without dimensions, and its ordinates per point; undefined for an unknown type. */
function typeOf(code: number): { type: number; dimensions: number } | undefined {
  const plain = (code & ~FLAGS) >>> 0;
  if (plain >= 4000) return undefined;
  const group = Math.floor(plain / 1000);
  const z = (code & Z_FLAG) !== 0 || group === 1 || group === 3;
  const m = (code & M_FLAG) !== 0 || group >= 2;
  return { type: plain % 1000, dimensions: 2 + Number(z) + Number(m) };
}

/** The position after the geometry at `at`; undefined for an invalid one. */
function endOfGeometry(view: DataView, at: number, depth: number, allowed?: readonly number[]): number | undefined {
  if (depth > MAX_DEPTH || at + HEADER_BYTES > view.byteLength) return undefined;
  const order = view.getUint8(at);
  if (order > 1) return undefined;
  const little = order === 1;
  const code = view.getUint32(at + 1, little);
  const found = typeOf(code);
  if (found === undefined || (allowed !== undefined && !allowed.includes(found.type))) return undefined;
  const { type, dimensions } = found;
  const start = at + HEADER_BYTES + ((code & SRID_FLAG) === 0 ? 0 : SRID_BYTES);
  const pointBytes = dimensions * 8;
  if (type === POINT) return within(view, start + pointBytes);
  if (start + 4 > view.byteLength) return undefined;
  const count = view.getUint32(start, little);
  if (type === LINE) return endOfPoints(view, start, pointBytes, little, MIN_LINE_POINTS);
  if (type === CIRCULAR)
    return count > 0 && count % 2 === 0 ? undefined : endOfPoints(view, start, pointBytes, little, MIN_ARC_POINTS);
  if (type === POLYGON || type === TRIANGLE) return endOfRings(view, start, pointBytes, little);
  if (!(type in PARTS)) return undefined;
  let end: number | undefined = start + 4;
  for (let part = 0; part < count && end !== undefined; part++) end = endOfGeometry(view, end, depth + 1, PARTS[type]);
  return end;
}

function endOfRings(view: DataView, start: number, pointBytes: number, little: boolean): number | undefined {
  const rings = view.getUint32(start, little);
  let at = start + 4;
  for (let ring = 0; ring < rings; ring++) {
    const end = endOfPoints(view, at, pointBytes, little, MIN_RING_POINTS);
    if (end === undefined || !isClosed(view, at + 4, end - pointBytes)) return undefined;
    at = end;
  }
  return at;
}

/** The position after a list of points; undefined for too few of them, other than none. */
function endOfPoints(
  view: DataView,
  at: number,
  pointBytes: number,
  little: boolean,
  minimum: number,
): number | undefined {
  if (at + 4 > view.byteLength) return undefined;
  const count = view.getUint32(at, little);
  if (count > 0 && count < minimum) return undefined;
  return within(view, at + 4 + count * pointBytes);
}

/** Whether the points at two positions have the same X and Y. A list without points is closed. */
function isClosed(view: DataView, first: number, last: number): boolean {
  if (last < first) return true;
  for (let at = 0; at < XY_BYTES; at += 4) if (view.getUint32(first + at) !== view.getUint32(last + at)) return false;
  return true;
}

function within(view: DataView, end: number): number | undefined {
  return end <= view.byteLength ? end : undefined;
}
