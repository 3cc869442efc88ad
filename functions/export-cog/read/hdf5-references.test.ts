import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findHdf5Reference } from './hdf5-references.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-hdf5-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const data = (name: string) => fileURLToPath(new URL(`../../../tests/data/raster/${name}`, import.meta.url));
const { signal } = new AbortController();

test.each([
  ['external-storage.nc', 'external storage'],
  ['virtual-dataset.nc', 'virtual dataset'],
  ['external-link.nc', 'external link'],
  ['sub.nc', undefined],
  ['landsat.tif', undefined],
])('finds in %s: %s', async (name, reference) => expect(await findHdf5Reference(data(name), signal)).toBe(reference));

test('finds no reference in a netCDF-4 file with its own values', async () => {
  const path = join(folder, 'eigene.nc');
  await execa('gdal_translate', [
    '-q',
    '-of',
    'netCDF',
    '-co',
    'FORMAT=NC4',
    '-co',
    'COMPRESS=DEFLATE',
    data('landsat.tif'),
    path,
  ]);
  expect(await findHdf5Reference(path, signal)).toBeUndefined();
});

test('finds a reference far into a large file, across the boundary of two chunks', async () => {
  const small = await readFile(data('external-storage.nc'));
  const path = join(folder, 'groß.nc');
  const heap = small.indexOf('HEAP');
  const without = withoutHeapAddresses(small);
  // The message that refers to the heap crosses the end of the first chunk.
  const message = Buffer.alloc(16);
  message.set([1, 0, 0, 0, 1, 0, 1, 0]);
  message.writeBigUInt64LE(BigInt(heap), 8);
  const border = 8 * 2 ** 20;
  await writeFile(
    path,
    Buffer.concat([without, Buffer.alloc(border - without.length - 7), message, Buffer.alloc(100)]),
  );
  expect(await findHdf5Reference(path, signal)).toBe('external storage');
  await writeFile(path, Buffer.concat([without, Buffer.alloc(border)]));
  expect(await findHdf5Reference(path, signal)).toBeUndefined();
});

/** The bytes with every address of a local heap set to zero. */
function withoutHeapAddresses(bytes: Buffer): Buffer {
  const without = Buffer.from(bytes);
  for (let heap = bytes.indexOf('HEAP'); heap !== -1; heap = bytes.indexOf('HEAP', heap + 1)) {
    const address = Buffer.alloc(8);
    address.writeBigUInt64LE(BigInt(heap));
    for (let at = without.indexOf(address); at !== -1; at = without.indexOf(address))
      without.fill(0, at, at + address.length);
  }
  return without;
}

test('does not collect the addresses of heaps without a limit', async () => {
  const path = join(folder, 'heaps.nc');
  const head = (await readFile(data('sub.nc'))).subarray(0, 512);
  await writeFile(
    path,
    Buffer.concat([Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'), head, Buffer.alloc(4_100_000, 'HEAP')]),
  );
  expect(await findHdf5Reference(path, signal)).toBe('too many heaps');
});

test('checks a value once to which every link message of a file refers', async () => {
  // A signature, link messages with the flags 0b1010 (4 bytes of name length), and a value of 64 KiB without two texts.
  const count = 100_000;
  const bytes = Buffer.alloc(16 + count * 7 + 65_540, 7);
  bytes.write('\x89HDF\r\n\x1a\n', 'latin1');
  const valueAt = 16 + count * 7;
  for (let at = 16; at < valueAt; at += 7) {
    bytes.set([1, 0b1010, 64], at);
    bytes.writeUInt32LE(valueAt - at - 7, at + 3);
  }
  bytes.writeUInt16LE(65_535, valueAt);
  bytes[valueAt + 2] = 0;
  bytes[valueAt + 2 + 65_534] = 0;
  const path = join(folder, 'links.nc');
  await writeFile(path, bytes);
  expect(await findHdf5Reference(path, signal)).toBeUndefined();
  bytes[valueAt + 100] = 0;
  await writeFile(path, bytes);
  expect(await findHdf5Reference(path, signal)).toBe('external link');
});
