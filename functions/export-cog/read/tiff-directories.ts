import type { FileHandle } from 'node:fs/promises';
import { readBytesAt } from '#shared/streams/file-streams.ts';

/**
 * Reads the layout of a TIFF or BigTIFF without GDAL, which wrote the file.
 *
 * Tried instead: @cogeotiff/core 9.5.0 (same speed) and geotiff 3.0.5. They return the values of tags, but neither the
 * end of a directory nor the position of GDAL's metadata, and do not end on a circular chain of directories.
 */

/** One image file directory of a TIFF: the full image, an overview or a mask. Offsets are in bytes. */
export interface TiffDirectory {
  offset: number;
  /** The end of the directory and of all its values outside of it. */
  end: number;
  width: number;
  height: number;
  /** 0 for an image in strips. */
  tileWidth: number;
  tileHeight: number;
  reducedResolution: boolean;
  mask: boolean;
  /** Smallest and largest offset of blocks with data; undefined when all blocks are empty. */
  firstBlock: number | undefined;
  lastBlock: number | undefined;
  /** The position of GDAL's metadata, an XML text (tag 42112). */
  gdalMetadata?: { offset: number; length: number };
  /** The nodata value as text (tag 42113). */
  gdalNodata?: string;
}

/** Tags of TIFF 6.0 about the layout. */
const TAG = {
  subfile: 254,
  width: 256,
  height: 257,
  stripOffsets: 273,
  tileWidth: 322,
  tileLength: 323,
  tileOffsets: 324,
} as const;
const LAYOUT_TAGS = new Set<number>(Object.values(TAG));
/** GDAL's own tags, registered with Adobe. */
const [GDAL_METADATA_TAG, GDAL_NODATA_TAG] = [42112, 42113];
/** Number of characters of a nodata value that are read. GDAL writes at most 30. */
const MAX_NODATA_CHARACTERS = 100;
/** Bits of the tag NewSubfileType, by their meaning. */
const SUBFILE = { reducedResolution: 1, mask: 4 } as const;
/** Bytes of one value by field type: 1 to 12 of TIFF 6.0; 13 and 16 to 18 of BigTIFF. */
const TYPE_BYTES: Record<number, number> = {
  ...{ 1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8 },
  ...{ 13: 4, 16: 8, 17: 8, 18: 8 },
};
const HEADER_BYTES = 16;
/** Ends the reading of a damaged file with a long chain. No pyramid has this many overviews. */
const MAX_DIRECTORIES = 200;
/** TIFF 6.0 defines fewer than 200 tags. */
const MAX_ENTRIES = 4096;

/** The directories in the order of the file; undefined for a file that is not a TIFF, or is damaged. */
export async function readTiffDirectories(file: FileHandle): Promise<TiffDirectory[] | undefined> {
  const header = await readAt(file, 0, HEADER_BYTES);
  const byteOrder = header?.toString('latin1', 0, 2);
  if (header === undefined || (byteOrder !== 'II' && byteOrder !== 'MM')) return undefined;
  const isLittleEndian = byteOrder === 'II';
  const version = readInteger(header, 2, 2, isLittleEndian);
  if (version !== 42 && version !== 43) return undefined;
  const tiff = new TiffReader(file, isLittleEndian, version === 43);

  const directories: TiffDirectory[] = [];
  let next = tiff.firstDirectory(header);
  while (next !== 0) {
    if (directories.length === MAX_DIRECTORIES || directories.some(({ offset }) => offset === next)) return undefined;
    const entries = await tiff.entriesAt(next);
    const directory = entries && (await tiff.directory(next, entries));
    if (entries === undefined || directory === undefined) return undefined;
    directories.push(directory);
    next = entries.nextDirectory;
  }
  return directories;
}

/** One entry (tag) of a TIFF image file directory. */
interface Entry {
  tag: number;
  /** Bytes of one value, and the number of values. */
  size: number;
  count: number;
  /** The offset of the values in the file, when they are not in the entry. */
  outside: number | undefined;
  /** The bytes of the values, when they are in the entry. */
  inline: Buffer;
}

interface Entries {
  list: Entry[];
  end: number;
  nextDirectory: number;
}

class TiffReader {
  #file: FileHandle;
  #isLittleEndian: boolean;
  #isBig: boolean;
  /** Bytes of an offset in the file. */
  #offsetBytes: number;

  constructor(file: FileHandle, isLittleEndian: boolean, isBig: boolean) {
    this.#file = file;
    this.#isLittleEndian = isLittleEndian;
    this.#isBig = isBig;
    this.#offsetBytes = isBig ? 8 : 4;
  }

  /** The offset of the first directory; 0 when there is none. */
  firstDirectory(header: Buffer): number {
    return this.#integer(header, this.#isBig ? 8 : 4, this.#offsetBytes);
  }

  /** The entries of the directory at `offset`; undefined past the end of the file. */
  async entriesAt(offset: number): Promise<Entries | undefined> {
    const countBytes = this.#isBig ? 8 : 2;
    const entryBytes = this.#isBig ? 20 : 12;
    const countField = await readAt(this.#file, offset, countBytes);
    if (countField === undefined) return undefined;
    const count = this.#integer(countField, 0, countBytes);
    if (count > MAX_ENTRIES) return undefined;
    const bytes = await readAt(this.#file, offset + countBytes, count * entryBytes + this.#offsetBytes);
    if (bytes === undefined) return undefined;
    return {
      list: Array.from({ length: count }, (_, index) => this.#entry(bytes, index * entryBytes)),
      end: offset + countBytes + bytes.length,
      nextDirectory: this.#integer(bytes, count * entryBytes, this.#offsetBytes),
    };
  }

  /** The directory with these entries; undefined when its values are past the end of the file. */
  async directory(offset: number, entries: Entries): Promise<TiffDirectory | undefined> {
    const values = new Map<number, number[]>();
    for (const entry of entries.list.filter(({ tag }) => LAYOUT_TAGS.has(tag))) {
      const numbers = await this.#values(entry);
      if (numbers === undefined) return undefined;
      values.set(entry.tag, numbers);
    }
    const first = (tag: number) => values.get(tag)?.[0] ?? 0;
    const metadata = entries.list.find(({ tag, outside }) => tag === GDAL_METADATA_TAG && outside !== undefined);
    const nodata = entries.list.find(({ tag, count }) => tag === GDAL_NODATA_TAG && count <= MAX_NODATA_CHARACTERS);
    const gdalNodata = nodata && (await this.#text(nodata));
    return {
      offset,
      end: Math.max(entries.end, ...entries.list.map(endOfValues)),
      ...blockRange(values.get(TAG.tileOffsets) ?? values.get(TAG.stripOffsets) ?? []),
      width: first(TAG.width),
      height: first(TAG.height),
      tileWidth: first(TAG.tileWidth),
      tileHeight: first(TAG.tileLength),
      reducedResolution: (first(TAG.subfile) & SUBFILE.reducedResolution) !== 0,
      mask: (first(TAG.subfile) & SUBFILE.mask) !== 0,
      ...(metadata?.outside === undefined
        ? {}
        : { gdalMetadata: { offset: metadata.outside, length: metadata.size * metadata.count } }),
      ...(gdalNodata === undefined ? {} : { gdalNodata }),
    };
  }

  #entry(bytes: Buffer, at: number): Entry {
    const size = TYPE_BYTES[this.#integer(bytes, at + 2, 2)] ?? 1;
    const count = this.#integer(bytes, at + 4, this.#offsetBytes);
    const valueAt = at + 4 + this.#offsetBytes;
    const isOutside = size * count > this.#offsetBytes;
    return {
      tag: this.#integer(bytes, at, 2),
      size,
      count,
      outside: isOutside ? this.#integer(bytes, valueAt, this.#offsetBytes) : undefined,
      inline: bytes.subarray(valueAt, valueAt + this.#offsetBytes),
    };
  }

  async #values({ size, count, outside, inline }: Entry): Promise<number[] | undefined> {
    const bytes = outside === undefined ? inline : await readAt(this.#file, outside, size * count);
    return bytes && Array.from({ length: count }, (_, index) => this.#integer(bytes, index * size, size));
  }

  /** Up to the NUL character at its end. */
  async #text({ size, count, outside, inline }: Entry): Promise<string | undefined> {
    const bytes = outside === undefined ? inline : await readAt(this.#file, outside, size * count);
    return bytes
      ?.toString('latin1', 0, size * count)
      .split('\0')[0]
      ?.trim();
  }

  #integer(bytes: Buffer, at: number, size: number): number {
    return readInteger(bytes, at, size, this.#isLittleEndian);
  }
}

/** The end of values outside of their entry; 0 for other entries. */
function endOfValues({ outside, size, count }: Entry): number {
  return outside === undefined ? 0 : outside + size * count;
}

/** An offset of 0 marks an empty block of a sparse file. */
function blockRange(offsets: readonly number[]): Pick<TiffDirectory, 'firstBlock' | 'lastBlock'> {
  let firstBlock: number | undefined;
  let lastBlock: number | undefined;
  // A loop, because Math.min(...offsets) exceeds the stack for large images.
  for (const offset of offsets) {
    if (offset === 0) continue;
    firstBlock = Math.min(firstBlock ?? offset, offset);
    lastBlock = Math.max(lastBlock ?? offset, offset);
  }
  return { firstBlock, lastBlock };
}

/** An unsigned integer of either byte order, up to 2^53. */
function readInteger(bytes: Buffer, at: number, size: number, isLittleEndian: boolean): number {
  if (size === 8) return Number(isLittleEndian ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
  return isLittleEndian ? bytes.readUIntLE(at, size) : bytes.readUIntBE(at, size);
}

/** Reads bytes at an offset. Undefined if they are beyond the end of the file. */
async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer | undefined> {
  const bytes = await readBytesAt(file, offset, length);
  return bytes.length === length ? bytes : undefined;
}
