import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
import { describeFirstBytes, isDelimitedText, isWideText, readFirstBytes } from './signatures.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-first-bytes é-'));
afterAll(() => rmSync(folder, { recursive: true }));

test.each([
  ['all bytes of a shorter file', 'ab', 4, 'ab'],
  ['no more than the requested bytes', 'abcdef', 4, 'abcd'],
  ['nothing of an empty file', '', 4, ''],
])('reads %s', async (_case, content, count, expected) => {
  const path = join(folder, 'ä #.txt');
  writeFileSync(path, content);
  expect((await readFirstBytes(path, count)).toString()).toBe(expected);
});

test('rejects a missing file with the error of the file system', async () => {
  await expect(readFirstBytes(join(folder, 'missing'), 4)).rejects.toMatchObject({ code: 'ENOENT' });
});

const compressed = deflateRawSync(Buffer.from(Array.from({ length: 5_000 }, (_, at) => Math.sin(at)).join()));

test.each<[string, Buffer, string]>([
  ['a text with a NUL', Buffer.from('id,name\n1,a\0b\n2,c\n'), 'text'],
  ['a text with separators of ASCII', Buffer.from('a\u001fb\u001ec\n'), 'text'],
  ['UTF-16LE', Buffer.from('id;name\n1;東京\n', 'utf16le'), 'UTF-16 text without a byte order mark'],
  ['UTF-16BE', Buffer.from('id;name\n1;b\n', 'utf16le').swap16(), 'UTF-16 text without a byte order mark'],
  ['compressed data', compressed, 'binary data'],
  ['numbers of two bytes', Buffer.from([1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0]), 'binary data'],
])('describes %s', (_, bytes, description) => {
  expect(describeFirstBytes(bytes)).toBe(description);
  expect(isDelimitedText(bytes)).toBe(description === 'text');
});

test('text of UTF-16 is accepted when the encoding is declared', () => {
  const text = Buffer.from('id;name\n1;b\n', 'utf16le');
  expect(isWideText(text, 'UTF-16LE')).toBe(true);
  expect(isWideText(text, 'windows-1252')).toBe(false);
  expect(isWideText(text, undefined)).toBe(false);
});
