import { expect, test } from 'vitest';
import fc from 'fast-check';
import { asUtf8 } from './utf8.ts';

async function read(bytes: Buffer, chunkBytes: number, encoding?: string): Promise<string> {
  const chunks = async function* () {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
  };
  const parts: Buffer[] = [];
  for await (const part of asUtf8(chunks(), encoding, 'x é.csv')) parts.push(part);
  return Buffer.concat(parts).toString();
}

const TEXT = 'Zürich, 東京 🎉\nß';
const utf16 = (text: string) => Buffer.from(text, 'utf16le');

test.each([
  ['UTF-8', Buffer.from(TEXT), undefined],
  ['UTF-8 with a byte order mark', Buffer.from(`\ufeff${TEXT}`), undefined],
  ['UTF-8, declared', Buffer.from(TEXT), 'utf8'],
  ['UTF-16 with a byte order mark', utf16(`\ufeff${TEXT}`), undefined],
  ['UTF-16, big-endian', utf16(`\ufeff${TEXT}`).swap16(), undefined],
  ['UTF-16 without a byte order mark', utf16(TEXT), 'UTF-16LE'],
])('%s, in chunks of any size', async (_, bytes, encoding) => {
  for (const chunk of [1, 2, 3, 7, 1000]) expect(await read(bytes, chunk, encoding)).toBe(TEXT);
});

test('UTF-8 is returned unchanged for any size of the chunks', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: 'binary' }).map((text) => Buffer.from(text).toString()),
      fc.integer({ min: 1, max: 9 }),
      async (text, chunk) => {
        fc.pre(!text.startsWith('\ufeff'));
        expect(await read(Buffer.from(text), chunk)).toBe(text);
      },
    ),
  );
});

test.each([
  ['in the middle', Buffer.concat([Buffer.from('a\nb\n'), Buffer.from([0xfc]), Buffer.from('\nc')]), 3],
  ['at the end', Buffer.concat([Buffer.from('a\n'), Buffer.from([0xe2, 0x82])]), 2],
  ['as a surrogate', Buffer.from([0xed, 0xa0, 0x80]), 1],
])('the error for invalid UTF-8 has the line: %s', async (_, bytes, line) => {
  for (const chunk of [1, 3, 1000]) {
    await expect(read(bytes, chunk)).rejects.toMatchObject({
      code: 'ENCODING_INVALID',
      message: `Line ${line} of x é.csv is not valid UTF-8. Set \`encoding\` of the file in the manifest, such as windows-1252 or UTF-16LE.`,
      details: { line },
    });
  }
});

test('text that is not valid in the declared encoding, or an unknown encoding, is an error', async () => {
  await expect(read(Buffer.from([0x61, 0x00, 0x62]), 1000, 'UTF-16LE')).rejects.toMatchObject({
    code: 'ENCODING_INVALID',
    message: 'x é.csv is not valid text in the encoding UTF-16LE. Correct `encoding` in the manifest.',
  });
  await expect(read(Buffer.from('a'), 1000, 'klingon')).rejects.toMatchObject({
    code: 'ENCODING_INVALID',
    message:
      'x é.csv has the unknown encoding "klingon". Use the name of an encoding, such as UTF-8, ISO-8859-1 or windows-1252.',
  });
});
