import { expect, test } from 'vitest';
import { readZipMembers } from './zip-members.ts';

/** The central directory of an archive with these names, after `before` bytes of data. */
function archive(names: string[], { comment = '', before = 100 } = {}): Buffer {
  const entries = names.map((name) => {
    const bytes = Buffer.from(name);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(bytes.length, 28);
    entry.writeUInt16LE(3, 30); // An extra field of 3 bytes.
    return Buffer.concat([entry, bytes, Buffer.alloc(3)]);
  });
  const directory = Buffer.concat(entries);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(before, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([Buffer.alloc(before), directory, end, Buffer.from(comment)]);
}

const read = (bytes: Buffer) => readZipMembers(new Blob([new Uint8Array(bytes)]));
const NAMES = ['daten/', 'daten/Straßen #1.shp', 'daten/🗺.dbf'];

test('lists the names of an archive, also of one with a comment', async () => {
  expect(await read(archive(NAMES))).toEqual(NAMES);
  expect(await read(archive(NAMES, { comment: 'made by hand' }))).toEqual(NAMES);
});

test('lists one name for each format, with the end of long names', async () => {
  const tiles = Array.from({ length: 500 }, (_, index) => `kacheln/Höhe ${index}.tif`);
  const mac = ['__MACOSX/._a.shp', '._b.gpkg'];
  const tables = ['a.csv.gz', 'b.json.gz', 'c.CSV.GZ', 'LIESMICH'];
  const long = `${'ü/'.repeat(2_000)}Straßen #1.SHP`;
  expect(await read(archive([...mac, ...tiles, ...tables, long]))).toEqual([
    '__MACOSX/._a.shp',
    'kacheln/Höhe 0.tif',
    'a.csv.gz',
    'b.json.gz',
    'LIESMICH',
    long.slice(-200),
  ]);
});

test('lists files of operating systems only beside a file of the same kind', async () => {
  const names = ['Bilder é/Thumbs.db', 'wege #1.db', 'desktop.ini'];
  expect(await read(archive(names))).toEqual(['Bilder é/Thumbs.db', 'wege #1.db']);
});

test('lists at most 300 names', async () => {
  expect(await read(archive(Array.from({ length: 1_000 }, (_, index) => `a.${index}`)))).toHaveLength(300);
});

test('lists the names of a zip64 archive', async () => {
  const plain = archive(NAMES);
  const directorySize = plain.length - 100 - 22;
  const end64 = Buffer.alloc(56);
  end64.writeUInt32LE(0x06064b50, 0);
  end64.writeBigUInt64LE(BigInt(directorySize), 40);
  end64.writeBigUInt64LE(100n, 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(100 + directorySize), 8);
  const end = Buffer.from(plain.subarray(-22));
  end.writeUInt32LE(0xffffffff, 16);
  expect(await read(Buffer.concat([plain.subarray(0, -22), end64, locator, end]))).toEqual(NAMES);
});

test.each([
  ['an empty file', Buffer.alloc(0)],
  ['a text', Buffer.from('no archive at all, but longer than the end of one')],
  ['an archive without its beginning', archive(NAMES).subarray(-22)],
])('lists nothing of %s', async (_, bytes) => expect(await read(bytes)).toEqual([]));
