import { readFileStream } from '#shared/text/file-streams.ts';
import { type FileHandle, open } from 'node:fs/promises';
import { readFirstBytes } from '#shared/formats/signatures.ts';
import { stemOf } from '#shared/landing/source-parts.ts';

/**
 * Finds the rows without a geometry whose shape is not a null shape (ESRI Shapefile Technical Description, 1998). GDAL
 * reads a shape of an unknown type as a missing geometry, without a message.
 */

const SHX_HEADER_BYTES = 100;
const SHX_RECORD_BYTES = 8;
/** A record of the .shp starts with its number and its length. */
const SHP_TYPE_AT = 8;
/** The length of a null shape, in 16-bit words: its type only. */
const NULL_SHAPE_WORDS = 2;
const NULL_SHAPE = 0;
const DELETED = 0x2a;
const BLOCK_BYTES = 2 ** 16;

/** Yields those of `rows`, which count from 1 in ascending order, whose shape is not null. `path` is the .shp file. */
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
      if ((await shp.int32(offset * 2 + SHP_TYPE_AT, 'LE')) !== NULL_SHAPE) yield wanted;
    }
  } finally {
    await records.return(undefined);
  }
}

/** The positions of the records that are not marked as deleted: GDAL skips the others. */
async function* liveRecords(dbf: string, signal: AbortSignal): AsyncGenerator<number> {
  const head = await readFirstBytes(dbf, 12);
  const [headerBytes, recordBytes] = [head.readUInt16LE(8), head.readUInt16LE(10)];
  if (recordBytes === 0) return;
  let record = 0;
  let skip = 0; // Bytes before the flag of the next record.
  for await (const chunk of readFileStream(dbf, { start: headerBytes, signal }) as AsyncIterable<Buffer>) {
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
      const { bytesRead, buffer } = await this.#file.read(Buffer.alloc(BLOCK_BYTES), 0, BLOCK_BYTES, position);
      [this.#start, this.#block] = [position, buffer.subarray(0, bytesRead)];
      if (bytesRead < 4) return undefined;
    }
    const at = position - this.#start;
    return order === 'BE' ? this.#block.readInt32BE(at) : this.#block.readInt32LE(at);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#file.close();
  }
}
