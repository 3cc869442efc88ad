import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { readBytesAt } from '#shared/streams/file-streams.ts';
import type { RasterSource } from './fetch-raster.ts';
import type { RasterInfo } from './raster-info.ts';

/**
 * Reads the structure of a GRIB file (WMO-No. 306, editions 1 and 2) without GDAL. GDAL stops at the first message that
 * it cannot read, and assigns the grid of the first one to all fields, without an error.
 */

interface GribFields {
  /** Each field is a band. A message of edition 2 can have several fields. */
  fields: number;
  /** The number, from 1, of the first field whose grid differs from that of the first one of the same edition. */
  otherGrid?: number;
  /** The number, from 1, of a message that is longer than the file, or has an invalid section. */
  damagedMessage?: number;
  /** The number, from 1, of a field with two missing values. GDAL reads the second one as data. */
  secondMissingValue?: number;
  /**
   * The first constant field with a decimal scale: its number, from 1, the reference value and the scale. GDAL applies
   * the scale (WMO-No. 306, regulation 92.9.4). ecCodes does not, neither when it writes nor when it reads a field.
   */
  scaledConstant?: { field: number; reference: number; decimalScale: number };
  /** True when a grid is Gaussian: the distance of its rows differs. GDAL reads it as a grid of equal distances. */
  isGaussian?: true;
}

const MAGIC = Buffer.from('GRIB');
/** Bytes that are read at a time to search the next message: headers and padding of any length can precede it. */
const SEARCH_BYTES = 2 ** 16;
/** Length of section 0 by edition. */
const INDICATOR_BYTES: Record<number, number> = { 1: 8, 2: 16 };
const END_BYTES = 4;
/** Sections of grid definitions have some hundred bytes, or a list of the points of each row. */
const MAX_GRID_BYTES = 2 ** 20;
/** Gaussian grids, including rotated and stretched ones: octet 6 of section 2 in edition 1, templates of edition 2. */
const GAUSSIAN_TYPES = new Set([4, 14, 24, 34]);
const GAUSSIAN_TEMPLATES = new Set([40, 41, 42, 43]);
/** Edition 2: the templates of section 5 with missing values (complex packing), and the position of their number. */
const COMPLEX_PACKING = new Set([2, 3]);
const MISSING_VALUE_MANAGEMENT = 22;
const TWO_MISSING_VALUES = 2;
/** Edition 2: the templates of section 5 that begin with reference value, scales, and bits for each value. */
const SCALED_PACKING = new Set([0, 2, 3, 40, 41, 42]);
const [REFERENCE_AT, DECIMAL_SCALE_AT, BITS_AT] = [11, 17, 19];
/** The sign of a number of 16 bits. */
const SIGN = 0x8000;

/** Reads the headers of all messages. Linear in the size of the file; the values are skipped. */
async function readGribFields(path: string, signal: AbortSignal): Promise<GribFields> {
  await using file = await open(path);
  const { size } = await file.stat();
  const found: Found = { fields: 0, firstGrids: new Map() };
  let messages = 0;
  let at = await findMessage(file, 0);
  while (at !== undefined) {
    signal.throwIfAborted();
    messages += 1;
    const end = await readMessage(file, at, size, found);
    if (end === undefined) found.damagedMessage = messages;
    at = end === undefined ? undefined : await findMessage(file, end);
  }
  const { firstGrids: _, ...fields } = found;
  return fields;
}

interface Found extends GribFields {
  /** The first grid of each edition, because each edition describes the same grid with other bytes. */
  firstGrids: Map<number, string>;
}

/** The offset of the next message at or after `from`; undefined without one. */
async function findMessage(file: FileHandle, from: number): Promise<number | undefined> {
  for (let at = from; ; at += SEARCH_BYTES - MAGIC.length + 1) {
    const bytes = await readBytesAt(file, at, SEARCH_BYTES);
    const index = bytes.indexOf(MAGIC);
    if (index !== -1) return at + index;
    if (bytes.length < SEARCH_BYTES) return undefined;
  }
}

/** Reads a message. Returns its end; undefined for a damaged one. */
async function readMessage(file: FileHandle, at: number, size: number, found: Found): Promise<number | undefined> {
  const indicator = await readBytesAt(file, at, INDICATOR_BYTES[2] ?? 0);
  const edition = indicator[7] ?? 0;
  const start = INDICATOR_BYTES[edition];
  if (start === undefined || indicator.length < start) return undefined;
  const length = edition === 1 ? indicator.readUIntBE(4, 3) : Number(indicator.readBigUInt64BE(8));
  const end = at + length;
  if (length < start + END_BYTES || end > size) return undefined;
  const isValid = await (edition === 1 ? readEdition1 : readEdition2)(file, at + start, end - END_BYTES, found);
  return isValid ? end : undefined;
}

/** Sections of edition 1: product, and the grid if bit 1 of octet 8 of the product is set. One field. */
async function readEdition1(file: FileHandle, at: number, end: number, found: Found): Promise<boolean> {
  const product = await readBytesAt(file, at, 8);
  if (product.length < 8) return false;
  const gridAt = at + product.readUIntBE(0, 3);
  const hasGrid = ((product[7] ?? 0) & 0x80) !== 0;
  if (gridAt >= end) return false;
  const grid = hasGrid ? await readGrid(file, gridAt, 3) : undefined;
  if (GAUSSIAN_TYPES.has(grid?.[5] ?? 0)) found.isGaussian = true;
  addField(found, 1, grid === undefined ? `catalog ${product[6]}` : hashOf(horizontalGrid(grid)));
  return true;
}

/** A grid definition of edition 1 without its length, and without the list of vertical coordinates (octets 4 and 5). */
function horizontalGrid(section: Buffer): Buffer {
  const [levels = 0, listAt = 0] = section.subarray(3, 5);
  if (levels === 0) return section.subarray(5);
  return Buffer.concat([section.subarray(5, listAt - 1), section.subarray(listAt - 1 + 4 * levels)]);
}

/** Sections of edition 2: 4 bytes of length, 1 byte of number. Section 7, the values, ends a field. */
async function readEdition2(file: FileHandle, start: number, end: number, found: Found): Promise<boolean> {
  let grid = '';
  let at = start;
  while (at < end) {
    const header = await readBytesAt(file, at, MISSING_VALUE_MANAGEMENT + 1);
    if (header.length < 5) return false;
    const [length, section] = [header.readUInt32BE(0), header[4]];
    if (length < 5 || at + length > end) return false;
    if (section === 3) {
      const definition = await readGrid(file, at, 4);
      if (definition.length > 14 && GAUSSIAN_TEMPLATES.has(definition.readUInt16BE(12))) found.isGaussian = true;
      grid = hashOf(definition);
    }
    if (section === 5 && hasTwoMissingValues(header)) found.secondMissingValue ??= found.fields + 1;
    if (section === 5) found.scaledConstant ??= scaledConstant(header, found.fields + 1);
    if (section === 7) addField(found, 2, grid);
    at += length;
  }
  return at === end;
}

function hasTwoMissingValues(section: Buffer): boolean {
  return (
    section.length > MISSING_VALUE_MANAGEMENT &&
    COMPLEX_PACKING.has(section.readUInt16BE(9)) &&
    section[MISSING_VALUE_MANAGEMENT] === TWO_MISSING_VALUES
  );
}

function scaledConstant(section: Buffer, field: number): GribFields['scaledConstant'] {
  if (section.length <= BITS_AT || !SCALED_PACKING.has(section.readUInt16BE(9)) || section[BITS_AT] !== 0)
    return undefined;
  const [reference, scale] = [section.readFloatBE(REFERENCE_AT), section.readUInt16BE(DECIMAL_SCALE_AT)];
  const decimalScale = scale & SIGN ? -(scale & ~SIGN) : scale;
  return reference === 0 || decimalScale === 0 ? undefined : { field, reference, decimalScale };
}

/** The section with the definition of a grid, which starts with its length. */
async function readGrid(file: FileHandle, at: number, lengthBytes: number): Promise<Buffer> {
  const length = (await readBytesAt(file, at, lengthBytes)).readUIntBE(0, lengthBytes);
  return readBytesAt(file, at, Math.min(length, MAX_GRID_BYTES));
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function addField(found: Found, edition: number, grid: string): void {
  found.fields += 1;
  const first = found.firstGrids.get(edition);
  if (first === undefined) found.firstGrids.set(edition, grid);
  else if (grid !== first) found.otherGrid ??= found.fields;
}

/**
 * Throws FILE_UNREADABLE for a GRIB file whose fields GDAL would lose or place wrongly. Returns a note for a grid that
 * GDAL places approximately. Other formats pass.
 */
export async function checkGrib(
  { file, format, path }: RasterSource,
  { bands }: Pick<RasterInfo, 'bands'>,
  signal: AbortSignal,
): Promise<Note[]> {
  if (format.name !== 'GRIB') return [];
  const fields = await readGribFields(path, signal);
  const problem = problemOf(fields, bands.length);
  if (problem !== undefined)
    throw new SluiceError('FILE_UNREADABLE', `${file} ${problem}`, { details: { file, ...fields } });
  const notes: Note[] = [];
  if (fields.isGaussian)
    notes.push({
      code: 'GRID_APPROXIMATED',
      file,
      message:
        `${file} has a Gaussian grid, whose rows are not equally spaced. The rows of the asset are equally spaced, ` +
        'so latitudes can differ by up to half of a row. Values were not changed.',
    });
  const { scaledConstant } = fields;
  if (scaledConstant !== undefined) {
    const { field, reference, decimalScale } = scaledConstant;
    notes.push({
      code: 'CONSTANT_FIELD_AMBIGUOUS',
      file,
      message:
        `Field ${field} of ${file} has one value for all points, and a decimal scale of ${decimalScale}. The asset ` +
        `has ${reference / 10 ** decimalScale}, as GDAL reads it. ecCodes reads and writes ${reference} for such a ` +
        'field. If ecCodes wrote the file, set the decimal scale to 0 and upload it again.',
    });
  }
  return notes;
}

function problemOf({ fields, damagedMessage, otherGrid, secondMissingValue }: GribFields, bands: number) {
  if (damagedMessage !== undefined)
    return `is damaged: its message ${damagedMessage} is not complete. Upload the complete file.`;
  if (otherGrid !== undefined)
    return (
      `has fields on different grids: the grid of field ${otherGrid} is not that of field 1. ` +
      'Write one file for each grid, for example with grib_copy, and upload them.'
    );
  if (fields !== bands)
    return `has ${fields} fields, of which GDAL can read ${bands}. Upload the fields in another packing or format.`;
  if (secondMissingValue !== undefined)
    return (
      `has two missing values in field ${secondMissingValue}, but an asset has one. ` +
      'Pack the field again, for example with grib_set -r -s packingType=grid_simple, and upload the file.'
    );
  return undefined;
}
