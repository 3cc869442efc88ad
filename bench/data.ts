import { existsSync } from 'node:fs';
import { mkdir, open, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** Files are generated once, because writing a million polygons takes longer than ingesting them. */
const CACHE = resolve('.cache/bench');

/** Increase it when the generator changes, so that no outdated file of the cache is measured. */
const GENERATOR_VERSION = 1;

/** The average of a national data set of land parcels: 14.7 million vertices in 505,758 polygons. */
const VERTICES = 29;

/** Meters. A cell contains one polygon, so that neighbors do not overlap. A million cells fit into Great Britain. */
const CELL = 300;
/** Meters of EPSG:27700. All polygons are in its area of use. */
const ORIGIN = { x: 200_000, y: 200_000 };
/** Cells in a row. */
const COLUMNS = 1000;

/** Bytes of one polygon record: header, type, box, counts, one part, the ring closed. */
const POINTS = VERTICES + 1;
const CONTENT_BYTES = 4 + 32 + 8 + 4 + 16 * POINTS;
const RECORD_BYTES = 8 + CONTENT_BYTES;
const SHP_HEADER_BYTES = 100;
/** Polygons written in one call. */
const BATCH = 4096;

const FIELDS = [
  { name: 'parcel_id', type: 'N', length: 10, decimals: 0 },
  { name: 'name', type: 'C', length: 24, decimals: 0 },
  { name: 'land_use', type: 'C', length: 12, decimals: 0 },
  { name: 'area_m2', type: 'N', length: 14, decimals: 2 },
  { name: 'surveyed', type: 'D', length: 8, decimals: 0 },
] as const;
const ROW_BYTES = 1 + FIELDS.reduce((sum, field) => sum + field.length, 0);
const LAND_USES = ['pasture', 'arable', 'woodland', 'orchard', 'built-up', 'water'];
/** Some names are not ASCII, so that decoding is a part of the measurement. */
const PLACES = ['Llanfair', 'Coedpoeth', 'Ynys Môn', 'Dùn Èideann', 'Penzance', 'Great Snoring'];

const BRITISH_NATIONAL_GRID =
  'PROJCS["British_National_Grid",GEOGCS["GCS_OSGB_1936",DATUM["D_OSGB_1936",' +
  'SPHEROID["Airy_1830",6377563.396,299.3249646]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],' +
  'PROJECTION["Transverse_Mercator"],PARAMETER["False_Easting",400000.0],PARAMETER["False_Northing",-100000.0],' +
  'PARAMETER["Central_Meridian",-2.0],PARAMETER["Scale_Factor",0.9996012717],' +
  'PARAMETER["Latitude_Of_Origin",49.0],UNIT["Meter",1.0]]';

export interface PolygonFile {
  /** The path of the `.shp`; the other parts are in the same folder. */
  shp: string;
  /** All files of the shapefile. */
  parts: string[];
  count: number;
  vertices: number;
}

/** Creates a shapefile of `count` parcels in EPSG:27700. Files of the same count are identical. */
export async function polygonFile(count: number): Promise<PolygonFile> {
  const folder = join(CACHE, `parcels-v${GENERATOR_VERSION}-${count}`);
  if (!existsSync(folder)) {
    const unfinished = `${folder}.part`;
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished, { recursive: true });
    await writeShapefile(join(unfinished, 'parcels'), count);
    await rename(unfinished, folder);
  }
  const parts = ['shp', 'shx', 'dbf', 'prj', 'cpg'].map((extension) => join(folder, `parcels.${extension}`));
  return { shp: join(folder, 'parcels.shp'), parts, count, vertices: count * POINTS };
}

/** Layout: "ESRI Shapefile Technical Description", 1998; dBASE III. */
async function writeShapefile(base: string, count: number): Promise<void> {
  const files = await Promise.all(['shp', 'shx', 'dbf'].map((extension) => open(`${base}.${extension}`, 'w')));
  const [shp, shx, dbf] = files as [FileHandle, FileHandle, FileHandle];
  const rows = Math.ceil(count / COLUMNS);
  const box = [ORIGIN.x, ORIGIN.y, ORIGIN.x + COLUMNS * CELL, ORIGIN.y + rows * CELL] as const;
  await shp.write(shapeHeader(SHP_HEADER_BYTES + count * RECORD_BYTES, box));
  await shx.write(shapeHeader(SHP_HEADER_BYTES + count * 8, box));
  await dbf.write(tableHeader(count));
  for (let first = 0; first < count; first += BATCH) {
    const size = Math.min(BATCH, count - first);
    const shapes = Buffer.alloc(size * RECORD_BYTES);
    const index = Buffer.alloc(size * 8);
    const table = Buffer.alloc(size * ROW_BYTES, ' ');
    for (let i = 0; i < size; i++) {
      const number = first + i;
      const area = writePolygon(shapes, i * RECORD_BYTES, number);
      index.writeInt32BE((SHP_HEADER_BYTES + number * RECORD_BYTES) / 2, i * 8);
      index.writeInt32BE(CONTENT_BYTES / 2, i * 8 + 4);
      writeRow(table, i * ROW_BYTES, number, area);
    }
    await Promise.all([shp.write(shapes), shx.write(index), dbf.write(table)]);
  }
  await dbf.write(Buffer.from([0x1a]));
  await Promise.all(files.map((file) => file.close()));
  await writeFile(`${base}.prj`, BRITISH_NATIONAL_GRID);
  await writeFile(`${base}.cpg`, 'UTF-8');
}

function shapeHeader(bytes: number, box: readonly [number, number, number, number]): Buffer {
  const header = Buffer.alloc(SHP_HEADER_BYTES);
  header.writeInt32BE(9994, 0);
  header.writeInt32BE(bytes / 2, 24); // Lengths are in 16-bit words.
  header.writeInt32LE(1000, 28);
  header.writeInt32LE(5, 32);
  box.forEach((value, i) => header.writeDoubleLE(value, 36 + i * 8));
  return header;
}

function tableHeader(count: number): Buffer {
  const header = Buffer.alloc(32 + FIELDS.length * 32 + 1);
  header.set([0x03, 124, 1, 1], 0); // Version, and a fixed date.
  header.writeUInt32LE(count, 4);
  header.writeUInt16LE(header.length, 8);
  header.writeUInt16LE(ROW_BYTES, 10);
  FIELDS.forEach((field, i) => {
    header.write(field.name, 32 + i * 32, 'latin1');
    header.write(field.type, 32 + i * 32 + 11, 'latin1');
    header[32 + i * 32 + 16] = field.length;
    header[32 + i * 32 + 17] = field.decimals;
  });
  header[header.length - 1] = 0x0d;
  return header;
}

/** Writes one parcel: an irregular clockwise ring around the center of its cell. Returns its area in square meters. */
function writePolygon(to: Buffer, at: number, number: number): number {
  const random = generator(number);
  const x = ORIGIN.x + ((number % COLUMNS) + 0.5) * CELL;
  const y = ORIGIN.y + (Math.floor(number / COLUMNS) + 0.5) * CELL;
  const size = CELL * (0.15 + 0.2 * random());
  to.writeInt32BE(number + 1, at);
  to.writeInt32BE(CONTENT_BYTES / 2, at + 4);
  to.writeInt32LE(5, at + 8);
  to.writeInt32LE(1, at + 44);
  to.writeInt32LE(POINTS, at + 48);
  const points = at + 56;
  const box = { left: Infinity, bottom: Infinity, right: -Infinity, top: -Infinity };
  const ring: { x: number; y: number }[] = [];
  for (let i = 0; i < VERTICES; i++) {
    const angle = (-2 * Math.PI * i) / VERTICES;
    const radius = size * (0.7 + 0.6 * random());
    const point = { x: round(x + radius * Math.cos(angle)), y: round(y + radius * Math.sin(angle)) };
    to.writeDoubleLE(point.x, points + i * 16);
    to.writeDoubleLE(point.y, points + i * 16 + 8);
    box.left = Math.min(box.left, point.x);
    box.right = Math.max(box.right, point.x);
    box.bottom = Math.min(box.bottom, point.y);
    box.top = Math.max(box.top, point.y);
    ring.push(point);
  }
  to.copy(to, points + VERTICES * 16, points, points + 16);
  [box.left, box.bottom, box.right, box.top].forEach((value, i) => to.writeDoubleLE(value, at + 12 + i * 8));
  return areaOf(ring);
}

/** Shoelace formula. */
function areaOf(ring: readonly { x: number; y: number }[]): number {
  const twice = ring.reduce((sum, point, i) => {
    const next = ring[(i + 1) % ring.length]!;
    return sum + point.x * next.y - next.x * point.y;
  }, 0);
  return Math.abs(twice) / 2;
}

/** Rounds to millimeters, the precision of surveys. */
function round(meters: number): number {
  return Math.round(meters * 1000) / 1000;
}

function writeRow(to: Buffer, at: number, number: number, area: number): void {
  const values = [
    String(number + 1).padStart(FIELDS[0].length),
    `${PLACES[number % PLACES.length]} ${number % 9973}`,
    LAND_USES[(number * 7) % LAND_USES.length] ?? '',
    area.toFixed(2).padStart(FIELDS[3].length),
    `${1990 + (number % 35)}${String(1 + (number % 12)).padStart(2, '0')}${String(1 + (number % 28)).padStart(2, '0')}`,
  ];
  let offset = at + 1; // The first byte marks deleted rows.
  FIELDS.forEach((field, i) => {
    to.write(values[i] ?? '', offset, field.length, 'utf8');
    offset += field.length;
  });
}

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
function generator(seed: number): () => number {
  let state = (seed + 1) * 0x9e3779b9;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
