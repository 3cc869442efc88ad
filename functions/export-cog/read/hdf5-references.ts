import { open, type FileHandle } from 'node:fs/promises';
import { startsWithLatin1 } from '#shared/formats/signatures.ts';
import { readBytesAt } from '#shared/streams/file-streams.ts';

/**
 * Finds references to other files in HDF5 files, including netCDF-4: raw bytes of any file (external storage), and
 * other HDF5 files (virtual datasets, external links). The HDF5 library opens these files itself, so disabled GDAL
 * drivers do not prevent it. The search looks for the structures of the HDF5 File Format Specification 3.0 at every
 * position of the file. To avoid false matches, an address in a structure must point to a heap, which contains the file
 * names.
 */

export type Hdf5Reference = 'external storage' | 'virtual dataset' | 'external link' | 'too many heaps';

const isHdf5 = startsWithLatin1('\x89HDF\r\n\x1a\n');
/** Signatures of the heaps that contain file names: local (III.D) and global (III.E). */
const LOCAL_HEAP = Buffer.from('HEAP');
const GLOBAL_HEAP = Buffer.from('GCOL');
/** Addresses of heaps that are held in memory. A file has one local heap per group and few global ones. */
export const MAX_HEAPS = 1_000_000;
/** The event loop waits for each chunk. With a crafted file, every byte can be the beginning of a structure. */
const CHUNK_BYTES = 2 ** 20;
/**
 * Chunks overlap by the longest structure, so that one chunk contains it completely: a link with two names of up to 64
 * KiB.
 */
const OVERLAP_BYTES = 160 * 2 ** 10;
/** Data layout message (IV.A.2.i), version 4, class 3: a virtual dataset. */
const VIRTUAL_LAYOUT = Buffer.from([4, 3]);
/** Link message (IV.A.2.g): version, and the types of links. */
const LINK_VERSION = 1;
const EXTERNAL_LINK_TYPE = 64;
/** Bits of the flags of a link message. */
const LINK = { nameLengthSize: 0b11, creationOrder: 0b100, hasType: 0b1000, charset: 0b10000 } as const;

/** The kind of the first reference to another file; undefined for a file without one, and for other formats. */
export async function findHdf5Reference(path: string, signal: AbortSignal): Promise<Hdf5Reference | undefined> {
  const file = await open(path);
  try {
    const superblock = await readBytesAt(file, 0, 16);
    if (!isHdf5(superblock)) return undefined;
    const addressBytes = sizeOfAddresses(superblock);
    const heaps = { local: new Set<number>(), global: new Set<number>() };
    for await (const { chunk, offset } of chunksOf(file, LOCAL_HEAP.length, signal)) {
      for (const at of offsetsOf(LOCAL_HEAP, chunk)) heaps.local.add(offset + at);
      for (const at of offsetsOf(GLOBAL_HEAP, chunk)) heaps.global.add(offset + at);
      if (Math.max(heaps.local.size, heaps.global.size) > MAX_HEAPS) return 'too many heaps';
    }
    for await (const { chunk } of chunksOf(file, OVERLAP_BYTES, signal)) {
      const address = (at: number) => (at + addressBytes <= chunk.length ? readAddress(chunk, at, addressBytes) : -1);
      if (heaps.local.size > 0 && hasExternalStorage(chunk, (at) => heaps.local.has(address(at))))
        return 'external storage';
      if (
        heaps.global.size > 0 &&
        offsetsOf(VIRTUAL_LAYOUT, chunk).some((at) => heaps.global.has(address(at + VIRTUAL_LAYOUT.length)))
      )
        return 'virtual dataset';
      if (hasExternalLink(chunk)) return 'external link';
    }
    return undefined;
  } finally {
    await file.close();
  }
}

/** The field "Size of Offsets". Its position depends on the version of the superblock. */
function sizeOfAddresses(superblock: Buffer): number {
  const version = superblock[8] ?? 0;
  const size = superblock[version < 2 ? 13 : 9] ?? 8;
  return size === 2 || size === 4 ? size : 8;
}

function readAddress(chunk: Buffer, at: number, bytes: number): number {
  return bytes === 8 ? Number(chunk.readBigUInt64LE(at)) : chunk.readUIntLE(at, bytes);
}

/**
 * External data files message (IV.A.2.h): version 1, 3 bytes, allocated and used slots (16 bits each), address of a
 * local heap.
 */
function hasExternalStorage(chunk: Buffer, isHeap: (at: number) => boolean): boolean {
  for (let at = chunk.indexOf(1); at !== -1 && at + 8 < chunk.length; at = chunk.indexOf(1, at + 1)) {
    const used = chunk.readUInt16LE(at + 6);
    if (used > 0 && used <= chunk.readUInt16LE(at + 4) && isHeap(at + 8)) return true;
  }
  return false;
}

/** Link message of type 64. Its value is: version and flags (0), a file name and a path, each with a final NUL. */
function hasExternalLink(chunk: Buffer): boolean {
  const checked = new Set<number>(); // Every byte of a crafted file can refer to the same value.
  for (let at = chunk.indexOf(EXTERNAL_LINK_TYPE); at !== -1; at = chunk.indexOf(EXTERNAL_LINK_TYPE, at + 1)) {
    const flags = chunk[at - 1] ?? 0;
    if (at < 2 || chunk[at - 2] !== LINK_VERSION || (flags & LINK.hasType) === 0 || flags > 0b11111) continue;
    const nameSize = 2 ** (flags & LINK.nameLengthSize);
    const lengthAt = at + 1 + ((flags & LINK.creationOrder) === 0 ? 0 : 8) + ((flags & LINK.charset) === 0 ? 0 : 1);
    if (lengthAt + nameSize > chunk.length) continue;
    const valueAt = lengthAt + nameSize + readAddress(chunk, lengthAt, nameSize);
    if (valueAt + 2 > chunk.length || checked.has(valueAt)) continue;
    checked.add(valueAt);
    const value = chunk.subarray(valueAt + 2, valueAt + 2 + chunk.readUInt16LE(valueAt));
    const endOfFileName = value[0] === 0 ? value.indexOf(0, 1) : -1;
    if (endOfFileName > 0 && value.indexOf(0, endOfFileName + 1) === value.length - 1) return true;
  }
  return false;
}

function offsetsOf(wanted: Buffer, chunk: Buffer): number[] {
  const offsets: number[] = [];
  for (let at = chunk.indexOf(wanted); at !== -1; at = chunk.indexOf(wanted, at + 1)) offsets.push(at);
  return offsets;
}

/** Reads the file in chunks. Each chunk also contains the first `overlap` bytes of the next one. */
async function* chunksOf(
  file: FileHandle,
  overlap: number,
  signal: AbortSignal,
): AsyncGenerator<{ chunk: Buffer; offset: number }> {
  for (let offset = 0; ; offset += CHUNK_BYTES) {
    signal.throwIfAborted();
    const chunk = await readBytesAt(file, offset, CHUNK_BYTES + overlap);
    yield { chunk, offset };
    if (chunk.length < CHUNK_BYTES + overlap) return;
  }
}
