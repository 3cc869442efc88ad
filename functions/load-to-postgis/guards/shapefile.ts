import { type FileHandle, open, stat } from 'node:fs/promises';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { readFirstBytes } from '#shared/formats/signatures.ts';
import { stemOf } from '#shared/landing/source-parts.ts';
import { readDbfLengths } from '../readers/dbf-header.ts';
import { readBytesAt, readChunks } from '#shared/streams/file-streams.ts';

/**
 * Checks that the parts of a shapefile belong together. The .dbf file has one record for each record of the .shx file
 * (ESRI Shapefile Technical Description, "Organization of the dBASE File"). GDAL reads as many rows as the shorter
 * part has, and reads shapes at the offsets in the .shx file. Rows would be lost without a warning if one part came
 * from another export.
 */

const SHX_HEADER_BYTES = 100;
const SHX_RECORD_BYTES = 8;
/** Offset of the file length in the .shx header; the length is in 16-bit words. */
const SHX_LENGTH_AT = 24;

/**
 * Throws FILE_UNREADABLE when the .shx and .dbf files have different numbers of records, when two shapes have the same
 * offset, or when the header of the .dbf file is damaged. `path` is the .shp file.
 */
export async function checkShapefileCounts(path: string, file: string, signal: AbortSignal): Promise<void> {
  const [shx, dbf] = [`${stemOf(path)}.shx`, `${stemOf(path)}.dbf`];
  const [shapes, rows] = await Promise.all([countShxRecords(shx), countDbfRecords(dbf)]);
  // GDAL would load the shapes without their attributes.
  if (rows === undefined) throw damaged(file, 'its .dbf has no valid header');
  if (shapes === undefined) return; // GDAL reports an invalid header.
  if (shapes !== rows) throw damaged(file, `its .shx lists ${shapes} shapes, but its .dbf has ${rows} records`);
  const repeated = await findRepeatedShape(shx, shapes, signal);
  if (repeated !== undefined)
    throw damaged(file, `shapes ${repeated} and ${repeated + 1} of its .shx have the same offset in the .shp`);
}

/** The number of records: at most as many as the header declares and as the file has bytes for. */
async function countShxRecords(path: string): Promise<number | undefined> {
  const [head, { size }] = await Promise.all([readFirstBytes(path, SHX_HEADER_BYTES), stat(path)]);
  if (head.length < SHX_HEADER_BYTES) return undefined;
  const declaredBytes = head.readUInt32BE(SHX_LENGTH_AT) * 2;
  return Math.max(0, Math.floor((Math.min(size, declaredBytes) - SHX_HEADER_BYTES) / SHX_RECORD_BYTES));
}

/** The same number for a dBASE table. Its header declares the number of records and the lengths. */
async function countDbfRecords(path: string): Promise<number | undefined> {
  const [lengths, { size }] = await Promise.all([readDbfLengths(path), stat(path)]);
  if (lengths === undefined || lengths.recordBytes === 0) return undefined;
  const { records, headerBytes, recordBytes } = lengths;
  return Math.max(0, Math.min(records, Math.floor((size - headerBytes) / recordBytes)));
}

/** The number, counted from 1, of the first shape that has the same offset as the next one. */
async function findRepeatedShape(path: string, shapes: number, signal: AbortSignal): Promise<number | undefined> {
  if (shapes === 0) return undefined;
  const records = { start: SHX_HEADER_BYTES, end: SHX_HEADER_BYTES + shapes * SHX_RECORD_BYTES - 1 };
  const chunks = readChunks(path, { ...records, signal });
  let previous: number | undefined;
  let number = 0;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const whole = bytes.length - (bytes.length % SHX_RECORD_BYTES);
    for (let at = 0; at < whole; at += SHX_RECORD_BYTES, number++) {
      const offset = bytes.readUInt32BE(at);
      if (offset === previous && offset !== 0) return number;
      previous = offset;
    }
    rest = bytes.subarray(whole);
  }
  return undefined;
}

/** FILE_UNREADABLE of a shapefile whose parts do not fit each other. */
export function damaged(file: string, reason: string): SluiceError {
  const message = `${file} is damaged: ${reason}. Upload all files of the shapefile from the same export.`;
  return new SluiceError('FILE_UNREADABLE', message, { details: { file } });
}

/** A record of the .shp starts with its number and its length. */
const RECORD_TYPE_AT = 8;
/** The length of a null shape, in 16-bit words: its type only. */
const NULL_SHAPE_WORDS = 2;
const NULL_SHAPE = 0;
const DELETED = 0x2a;
const BLOCK_BYTES = 2 ** 16;

/**
 * Yields those of `rows`, which count from 1 in ascending order, whose shape is not a null shape (ESRI Shapefile
 * Technical Description). GDAL reads a shape of an unknown type as a missing geometry, without a message. `path` is the
 * .shp file.
 */
export async function* rowsWithShape(
  path: string,
  rows: AsyncIterable<number>,
  signal: AbortSignal,
): AsyncGenerator<number> {
  await using shx = await BlockReader.open(`${stemOf(path)}.shx`);
  await using shp = await BlockReader.open(path);
  const records = liveRecords(`${stemOf(path)}.dbf`, signal);
  let row = 0;
  try {
    for await (const wanted of rows) {
      let record = -1;
      while (row < wanted) {
        const next = await records.next();
        if (next.done === true) return;
        record = next.value;
        row++;
      }
      const at = SHX_HEADER_BYTES + record * SHX_RECORD_BYTES;
      const words = await shx.int32(at + 4, 'BE');
      if (words === undefined || words <= NULL_SHAPE_WORDS) continue;
      const offset = (await shx.int32(at, 'BE')) ?? 0;
      if ((await shp.int32(offset * 2 + RECORD_TYPE_AT, 'LE')) !== NULL_SHAPE) yield wanted;
    }
  } finally {
    await records.return(undefined);
  }
}

/** The positions of the records that are not marked as deleted: GDAL skips the others. */
async function* liveRecords(dbf: string, signal: AbortSignal): AsyncGenerator<number> {
  const lengths = await readDbfLengths(dbf);
  if (lengths === undefined || lengths.recordBytes === 0) return;
  const { headerBytes, recordBytes } = lengths;
  let record = 0;
  let skip = 0; // Bytes before the flag of the next record.
  for await (const chunk of readChunks(dbf, { start: headerBytes, signal })) {
    for (; skip < chunk.length; skip += recordBytes, record++) if (chunk[skip] !== DELETED) yield record;
    skip -= chunk.length;
  }
}

/** Reads numbers of a file in ascending order of their positions, in blocks. */
class BlockReader {
  readonly #file: FileHandle;
  #block: Buffer = Buffer.alloc(0);
  #start = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(path: string): Promise<BlockReader> {
    return new BlockReader(await open(path));
  }

  /** The number at a position; undefined after the end of the file. */
  async int32(position: number, order: 'BE' | 'LE'): Promise<number | undefined> {
    if (position < 0) return undefined;
    if (position < this.#start || position + 4 > this.#start + this.#block.length) {
      [this.#start, this.#block] = [position, await readBytesAt(this.#file, position, BLOCK_BYTES)];
      if (this.#block.length < 4) return undefined;
    }
    const at = position - this.#start;
    return order === 'BE' ? this.#block.readInt32BE(at) : this.#block.readInt32LE(at);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#file.close();
  }
}
