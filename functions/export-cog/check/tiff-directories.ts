import type { FileHandle } from 'node:fs/promises';

/** One image file directory of a TIFF: the full image, an overview or a mask. Offsets are in bytes. */
export interface TiffDirectory {
  /** Where the directory itself stands. */
  offset: number;
  /** After its last out-of-line value. */
  end: number;
  width: number;
  height: number;
  /** 0 for an image in strips. */
  tileWidth: number;
  tileHeight: number;
  reducedResolution: boolean;
  mask: boolean;
  /** Place of the first block that is not empty; undefined when all are. */
  firstBlock: number | undefined;
  lastBlock: number | undefined;
  /** Where GDAL's metadata stand, an XML text (tag 42112). */
  gdalMetadata?: { offset: number; length: number };
}

/** Tags of TIFF 6.0 that say how an image is laid out. */
const TAG = {
  subfile: 254,
  width: 256,
  height: 257,
  stripOffsets: 273,
  tileWidth: 322,
  tileLength: 323,
  tileOffsets: 324,
} as const;
/** GDAL's own tag, registered with Adobe. */
const GDAL_METADATA = 42112;
/** Bytes of one value by field type: TIFF 6.0, and 13, 16 to 18 of BigTIFF. */
const TYPE_SIZE: Record<number, number> = {
  1: 1,
  2: 1,
  3: 2,
  4: 4,
  5: 8,
  6: 1,
  7: 1,
  8: 2,
  9: 4,
  10: 8,
  11: 4,
  12: 8,
  13: 4,
  16: 8,
  17: 8,
  18: 8,
};
/** A damaged file can chain directories for ever; no pyramid has this many. */
const MAX_DIRECTORIES = 200;

/**
 * Reads the directories of a TIFF or BigTIFF in their order, without GDAL, which wrote it.
 * Undefined when the file is not a TIFF or its directories cannot be followed.
 */
export async function readTiffDirectories(file: FileHandle): Promise<TiffDirectory[] | undefined> {
  const read = (offset: number, length: number) => readAt(file, offset, length);
  const head = await read(0, 16);
  const order = head?.toString('latin1', 0, 2);
  if (head === undefined || (order !== 'II' && order !== 'MM')) return undefined;
  const reader = new Fields(order === 'II');
  const version = reader.int(head, 2, 2);
  if (version !== 42 && version !== 43) return undefined;
  const big = version === 43;

  const directories: TiffDirectory[] = [];
  let next = big ? reader.int(head, 8, 8) : reader.int(head, 4, 4);
  while (next !== 0) {
    if (directories.length === MAX_DIRECTORIES || directories.some((directory) => directory.offset === next))
      return undefined;
    const parsed = await readDirectory(read, reader, next, big);
    if (parsed === undefined) return undefined;
    directories.push(parsed.directory);
    next = parsed.next;
  }
  return directories;
}

/** Integers of either byte order, up to 2^53. */
class Fields {
  #little: boolean;

  constructor(little: boolean) {
    this.#little = little;
  }

  int(bytes: Buffer, at: number, size: number): number {
    if (size === 8) return Number(this.#little ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
    return this.#little ? bytes.readUIntLE(at, size) : bytes.readUIntBE(at, size);
  }
}

type Read = (offset: number, length: number) => Promise<Buffer | undefined>;

async function readDirectory(
  read: Read,
  fields: Fields,
  offset: number,
  big: boolean,
): Promise<{ directory: TiffDirectory; next: number } | undefined> {
  const countSize = big ? 8 : 2;
  const entrySize = big ? 20 : 12;
  const inline = big ? 8 : 4;
  const countBytes = await read(offset, countSize);
  if (countBytes === undefined) return undefined;
  const count = fields.int(countBytes, 0, countSize);
  if (count > 4096) return undefined; // TIFF 6.0 knows fewer than 200 tags.
  const entries = await read(offset + countSize, count * entrySize + inline);
  if (entries === undefined) return undefined;

  let end = offset + countSize + entries.length;
  const values = new Map<number, number[]>();
  let gdalMetadata: TiffDirectory['gdalMetadata'];
  for (let at = 0; at < count * entrySize; at += entrySize) {
    const tag = fields.int(entries, at, 2);
    const size = TYPE_SIZE[fields.int(entries, at + 2, 2)] ?? 1;
    const length = fields.int(entries, at + 4, big ? 8 : 4);
    const place = at + (big ? 12 : 8);
    const outside = size * length > inline;
    const from = outside ? fields.int(entries, place, inline) : 0;
    if (outside) end = Math.max(end, from + size * length);
    if (tag === GDAL_METADATA && outside) gdalMetadata = { offset: from, length: size * length };
    if (!Object.values<number>(TAG).includes(tag)) continue;
    const bytes = outside ? await read(from, size * length) : entries.subarray(place, place + size * length);
    if (bytes === undefined) return undefined;
    values.set(
      tag,
      Array.from({ length }, (_, index) => fields.int(bytes, index * size, size)),
    );
  }
  const first = (tag: number) => values.get(tag)?.[0] ?? 0;
  let firstBlock: number | undefined;
  let lastBlock: number | undefined;
  for (const block of values.get(TAG.tileOffsets) ?? values.get(TAG.stripOffsets) ?? []) {
    if (block === 0) continue; // A sparse tile.
    firstBlock = Math.min(firstBlock ?? block, block);
    lastBlock = Math.max(lastBlock ?? block, block);
  }
  return {
    directory: {
      offset,
      end,
      firstBlock,
      lastBlock,
      width: first(TAG.width),
      height: first(TAG.height),
      tileWidth: first(TAG.tileWidth),
      tileHeight: first(TAG.tileLength),
      reducedResolution: (first(TAG.subfile) & 1) !== 0,
      mask: (first(TAG.subfile) & 4) !== 0,
      ...(gdalMetadata === undefined ? {} : { gdalMetadata }),
    },
    next: fields.int(entries, count * entrySize, inline),
  };
}

async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer | undefined> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, offset);
  return bytesRead === length ? bytes : undefined;
}
