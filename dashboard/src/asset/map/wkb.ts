import type { Geometry, Position as GeoJsonPosition } from 'geojson';
import { DataError } from '../worker/data-error.ts';

/** How coordinates become positions of GeoJSON. */
export interface Drawing {
  toDegrees: (x: number, y: number) => [number, number];
  /** A vertex is left out if it is nearer than this to the one before it, in units of the CRS. */
  tolerance: number;
}

interface Reader {
  view: DataView;
  offset: number;
  vertices: number;
}

/** A geometry for the map, and the number of its vertices. Null if it has none that can be drawn. */
export function drawWkb(bytes: Uint8Array, drawing: Drawing): { geometry: Geometry | null; vertices: number } {
  const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0, vertices: 0 };
  const geometry = readGeometry(reader, drawing);
  return { geometry, vertices: reader.vertices };
}

const [POINT, LINE, POLYGON, MULTI_POINT, MULTI_LINE, MULTI_POLYGON, COLLECTION] = [1, 2, 3, 4, 5, 6, 7];
const MIN_RING = 4;
const MIN_LINE = 2;

interface Header {
  type: number;
  little: boolean;
  /** Bytes of a vertex. */
  stride: number;
}

/** ISO WKB: the thousands of the type are the dimensions Z, M and ZM. */
function readHeader(reader: Reader): Header {
  const little = reader.view.getUint8(reader.offset) === 1;
  const type = reader.view.getUint32(reader.offset + 1, little);
  reader.offset += 5;
  const dimensions = [2, 3, 3, 4][Math.floor(type / 1000)] ?? 2;
  return { type: type % 1000, little, stride: dimensions * 8 };
}

function readCount(reader: Reader, { little }: Header): number {
  reader.offset += 4;
  return reader.view.getUint32(reader.offset - 4, little);
}

function readGeometry(reader: Reader, drawing: Drawing): Geometry | null {
  const header = readHeader(reader);
  if (header.type === POINT) {
    const coordinates = readPoint(reader, header, drawing);
    return coordinates && { type: 'Point', coordinates };
  }
  if (header.type === LINE) {
    const coordinates = readLine(reader, header, drawing, MIN_LINE);
    return coordinates && { type: 'LineString', coordinates };
  }
  if (header.type === POLYGON) {
    const coordinates = readPolygon(reader, header, drawing);
    return coordinates && { type: 'Polygon', coordinates };
  }
  return readParts(reader, header, drawing);
}

function readParts(reader: Reader, header: Header, drawing: Drawing): Geometry | null {
  const count = readCount(reader, header);
  const parts = <T>(read: (part: Header) => T | null): T[] => {
    const found: T[] = [];
    for (let i = 0; i < count; i++) {
      const part = read(readHeader(reader));
      if (part !== null) found.push(part);
    }
    return found;
  };
  switch (header.type) {
    case MULTI_POINT:
      return { type: 'MultiPoint', coordinates: parts((part) => readPoint(reader, part, drawing)) };
    case MULTI_LINE:
      return { type: 'MultiLineString', coordinates: parts((part) => readLine(reader, part, drawing, MIN_LINE)) };
    case MULTI_POLYGON:
      return { type: 'MultiPolygon', coordinates: parts((part) => readPolygon(reader, part, drawing)) };
    case COLLECTION: {
      const geometries = Array.from({ length: count }, () => readGeometry(reader, drawing));
      return { type: 'GeometryCollection', geometries: geometries.filter((each) => each !== null) };
    }
    default:
      throw new DataError(`The file has geometries of a type that the map cannot draw (WKB ${header.type}).`);
  }
}

function readPoint(reader: Reader, { little, stride }: Header, { toDegrees }: Drawing): GeoJsonPosition | null {
  const position = toDegrees(
    reader.view.getFloat64(reader.offset, little),
    reader.view.getFloat64(reader.offset + 8, little),
  );
  reader.offset += stride;
  reader.vertices += 1;
  return isFinite(position) ? position : null;
}

function isFinite([x, y]: [number, number]): boolean {
  return Number.isFinite(x) && Number.isFinite(y);
}

/** Keeps the first and the last vertex, so that rings remain closed. Null for a line with too few vertices. */
function readLine(reader: Reader, header: Header, drawing: Drawing, least: number): GeoJsonPosition[] | null {
  const { little, stride } = header;
  const count = readCount(reader, header);
  const { view } = reader;
  const limit = drawing.tolerance ** 2;
  const line: GeoJsonPosition[] = [];
  let [keptX, keptY] = [NaN, NaN];
  for (let i = 0; i < count; i++, reader.offset += stride) {
    const x = view.getFloat64(reader.offset, little);
    const y = view.getFloat64(reader.offset + 8, little);
    const isNear = (x - keptX) ** 2 + (y - keptY) ** 2 < limit;
    // A ring that would collapse keeps its vertices.
    if (isNear && i < count - 1 && count - i > least - line.length) continue;
    const position = drawing.toDegrees(x, y);
    if (!isFinite(position)) continue;
    line.push(position);
    [keptX, keptY] = [x, y];
  }
  reader.vertices += line.length;
  return line.length >= least ? line : null;
}

/** Null without an outer ring. */
function readPolygon(reader: Reader, header: Header, drawing: Drawing): GeoJsonPosition[][] | null {
  const count = readCount(reader, header);
  const rings: GeoJsonPosition[][] = [];
  for (let i = 0; i < count; i++) {
    const ring = readLine(reader, header, drawing, MIN_RING);
    if (ring !== null && (i === 0 || rings.length > 0)) rings.push(ring);
  }
  return rings.length > 0 ? rings : null;
}
