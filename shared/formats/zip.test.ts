import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, expect, test } from 'vitest';
import { localName, memberPath, withZipArchive } from './zip.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-archive-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const signal = new AbortController().signal;
const limits = { maxBytes: 1_000_000 };

/** Creates an archive with Python. Its zipfile module also writes invalid names. */
async function archive(name: string, fill: string): Promise<string> {
  const path = join(folder, name);
  await execa('python3', [
    '-c',
    `import sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED) as z:\n    ${fill}`,
    path,
  ]);
  return path;
}

test('lists the files and unpacks one', async () => {
  const path = await archive('plain.zip', "z.writestr('a/é 😀.txt', 'Grüße'); z.writestr('b/', '')");
  const names = await withZipArchive(path, 'plain.zip', limits, async (members, unpack) => {
    const [first] = members;
    if (first !== undefined) await unpack(first, memberPath(folder, first.name), signal);
    return members.map((member) => [member.name, member.size]);
  });
  expect(names).toEqual([['a/é 😀.txt', 7]]);
  expect(readFileSync(join(folder, 'a', 'é 😀.txt'), 'utf8')).toBe('Grüße');
});

test('decodes a name that is not UTF-8 as Latin-1', async () => {
  const path = await archive('latin.zip', "z.writestr('strXsse.shp', 'x')");
  writeFileSync(
    path,
    Buffer.from(readFileSync(path).toString('latin1').replaceAll('strXsse', 'str\u00dfsse'), 'latin1'),
  );
  expect(
    await withZipArchive(path, 'latin.zip', limits, (members) => Promise.resolve(members.map((member) => member.name))),
  ).toEqual(['strßsse.shp']);
});

test('rejects an archive larger than the limit before unpacking it', async () => {
  const path = await archive('large.zip', "z.writestr('a', b'0' * 1_000_001)");
  await expect(withZipArchive(path, 'large.zip', limits, () => Promise.resolve())).rejects.toMatchObject({
    code: 'FILE_TOO_LARGE',
    details: { bytes: 1_000_001, limit: 1_000_000 },
  });
});

test('stops unpacking a file that is larger than its declared size', async () => {
  const path = await archive('wrong-size.zip', "z.writestr('a', b'0' * 100_000)");
  const bytes = readFileSync(path);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(100_000);
  for (let at = bytes.indexOf(size); at >= 0; at = bytes.indexOf(size, at + 1)) bytes.writeUInt32LE(10, at);
  writeFileSync(path, bytes);
  const unpacking = withZipArchive(path, 'wrong-size.zip', limits, async ([member], unpack) => {
    if (member !== undefined) await unpack(member, join(folder, 'wrong-size'), signal);
  });
  await expect(unpacking).rejects.toMatchObject({
    code: expect.stringMatching(/^ARCHIVE_/) as string,
    details: { file: 'wrong-size.zip' },
  });
});

test('rejects an archive whose entries share their data', async () => {
  const path = await archive(
    'overlap.zip',
    `import random; z.writestr('a', random.Random(1).randbytes(10_000)); first = z.filelist[0]
    z.filelist += [zipfile.ZipInfo(str(index)) for index in range(99)]
    for entry in z.filelist[1:]:
        for field in ('compress_type', 'CRC', 'compress_size', 'file_size', 'header_offset', 'create_system'):
            setattr(entry, field, getattr(first, field))`,
  );
  expect(readFileSync(path).length).toBeLessThan(20_000);
  await expect(
    withZipArchive(path, 'overlap.zip', { maxBytes: 10_000_000 }, () => Promise.resolve()),
  ).rejects.toMatchObject({
    code: 'ARCHIVE_UNSAFE',
    message: 'overlap.zip contains entries that share their data. Create the archive with plain relative names.',
  });
});

test('rejects an encrypted archive', async () => {
  const path = await archive('secret.zip', "z.writestr('a', 'x')");
  const bytes = readFileSync(path);
  for (const [signature, flags] of [
    ['PK\u0003\u0004', 6],
    ['PK\u0001\u0002', 8],
  ] as const) {
    const at = bytes.indexOf(Buffer.from(signature, 'latin1'));
    bytes.writeUInt16LE(bytes.readUInt16LE(at + flags) | 1, at + flags);
  }
  writeFileSync(path, bytes);
  await expect(withZipArchive(path, 'secret.zip', limits, () => Promise.resolve())).rejects.toMatchObject({
    code: 'ARCHIVE_UNREADABLE',
    message: expect.stringContaining('is encrypted') as string,
  });
});

test.each([
  ['empty', Buffer.alloc(0)],
  ['text', Buffer.from('not a zip')],
  ['cut', Buffer.from('PK\u0003\u0004 and then nothing')],
])('rejects a damaged archive: %s', async (name, bytes) => {
  const path = join(folder, `${name}.zip`);
  writeFileSync(path, bytes);
  await expect(withZipArchive(path, 'x.zip', limits, () => Promise.resolve())).rejects.toMatchObject({
    code: 'ARCHIVE_UNREADABLE',
    message: expect.stringMatching(/^x\.zip is damaged: .*[^.]\. Create the archive again\.$/) as string,
    details: { file: 'x.zip' },
  });
});

test('localName removes control characters and keeps the extension', () => {
  expect(localName('b1/Straße #1 😀.shp')).toBe('Straße #1 😀.shp');
  expect(localName('a\u0000b\n.shp')).toBe('a_b_.shp');
  expect(localName('..')).toBe('file');
  expect(localName(`${'é'.repeat(300)}.shp`)).toMatch(/^é+\.shp$/);
  expect(Buffer.byteLength(localName(`${'é'.repeat(300)}.shp`))).toBeLessThanOrEqual(200);
  // The longest name in an archive.
  expect(localName(`${'😀'.repeat(16_000)}.shp`)).toMatch(/^(😀){49}\.shp$/u);
});

test('rejects a directory whose names and comments would fill the memory', async () => {
  const path = await archive(
    'directory.zip',
    `for i in range(100):
        info = zipfile.ZipInfo(f'{i}.txt'); info.comment = b'x' * 60000; z.writestr(info, '')`,
  );
  await expect(withZipArchive(path, 'a é.zip', limits, () => Promise.resolve())).rejects.toMatchObject({
    code: 'ARCHIVE_UNSAFE',
    message: expect.stringContaining('a é.zip has a directory of more than 4000000 bytes') as string,
  });
});

test('rejects a name that is longer than the key of an object', async () => {
  const path = await archive('long.zip', "z.writestr('é' * 511 + '/', ''); z.writestr('a' * 1025, '')");
  await expect(withZipArchive(path, 'long.zip', limits, () => Promise.resolve())).rejects.toMatchObject({
    code: 'ARCHIVE_UNSAFE',
    message: expect.stringContaining('contains a name of 1025 bytes; at most 1024 are allowed'),
  });
});
