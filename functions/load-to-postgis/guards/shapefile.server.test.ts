import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dataFile } from '../../../tests/fixtures/landing.ts';
import { checkShapefileCounts } from './shapefile.ts';

/** nc.shp has 100 shapes. Each test changes a copy of it. */

const FILE = 's3://landing-zone/größe.shp';
const SHX_HEADER = 100;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-shapefile-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function check(part: 'shx' | 'dbf', change: (bytes: Buffer) => Buffer | undefined): Promise<void> {
  for (const other of ['shp', 'shx', 'dbf']) await copyFile(dataFile(`nc.${other}`), join(folder, `größe.${other}`));
  const bytes = await readFile(dataFile(`nc.${part}`));
  await writeFile(join(folder, `größe.${part}`), change(bytes) ?? bytes);
  return checkShapefileCounts(join(folder, 'größe.shp'), FILE, new AbortController().signal);
}

test.each<[string, 'shx' | 'dbf', (bytes: Buffer) => Buffer | undefined, string]>([
  [
    'a .shx with 10 shapes',
    'shx',
    (bytes) => {
      bytes.writeInt32BE((SHX_HEADER + 80) / 2, 24);
      return bytes.subarray(0, SHX_HEADER + 80);
    },
    'its .shx lists 10 shapes, but its .dbf has 100 records',
  ],
  [
    'a truncated .shx',
    'shx',
    (bytes) => bytes.subarray(0, SHX_HEADER + 84),
    'its .shx lists 10 shapes, but its .dbf has 100 records',
  ],
  [
    'a .dbf that declares 10 records',
    'dbf',
    (bytes) => {
      bytes.writeUInt32LE(10, 4);
      return undefined;
    },
    'its .shx lists 100 shapes, but its .dbf has 10 records',
  ],
  [
    'a truncated .dbf',
    'dbf',
    (bytes) => bytes.subarray(0, bytes.readUInt16LE(8) + bytes.readUInt16LE(10) * 7 + 3),
    'its .shx lists 100 shapes, but its .dbf has 7 records',
  ],
  ['a .dbf without a header', 'dbf', (bytes) => bytes.subarray(0, 10), 'its .dbf has no valid header'],
  ['an empty .dbf', 'dbf', (bytes) => bytes.subarray(0, 0), 'its .dbf has no valid header'],
  [
    'a .shx that lists one shape twice',
    'shx',
    (bytes) => {
      bytes.copy(bytes, SHX_HEADER + 8 * 41, SHX_HEADER + 8 * 40, SHX_HEADER + 8 * 41);
      return undefined;
    },
    'shapes 41 and 42 of its .shx have the same offset in the .shp',
  ],
])('rejects %s', async (_name, part, change, reason) => {
  await expect(check(part, change)).rejects.toMatchObject({
    code: 'FILE_UNREADABLE',
    message: `${FILE} is damaged: ${reason}. Upload all files of the shapefile from the same export.`,
    details: { file: FILE },
  });
});

test.each<[string, 'shx' | 'dbf', (bytes: Buffer) => Buffer | undefined]>([
  [
    'a .shx that declares 100 million shapes',
    'shx',
    (bytes) => {
      bytes.writeInt32BE(400_000_050, 24);
      return undefined;
    },
  ],
  [
    'a .dbf that declares 100 million records',
    'dbf',
    (bytes) => {
      bytes.writeUInt32LE(100_000_000, 4);
      return undefined;
    },
  ],
  ['a .dbf with an end-of-file mark', 'dbf', (bytes) => Buffer.concat([bytes, Buffer.from([0x1a])])],
  ['a truncated header, which GDAL reports', 'shx', (bytes) => bytes.subarray(0, 50)],
])('accepts %s', async (_name, part, change) => {
  await expect(check(part, change)).resolves.toBeUndefined();
});
