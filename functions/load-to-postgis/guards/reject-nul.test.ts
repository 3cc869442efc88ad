import { expect, test } from 'vitest';
import { findNul } from './reject-nul.ts';

async function* inChunks(text: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < text.length; at += size) yield await Promise.resolve(text.subarray(at, at + size));
}

test.each([
  ['no NUL', String.raw`{"a":"é\\u0001\u00000"`.replace(String.raw`\u00000`, ''), undefined],
  ['an escape', String.raw`{"a":"é\u0000"}`, { at: 9, escaped: true }],
  ['an escaped backslash before u0000', String.raw`{"a":"\\u0000"}`, undefined],
  ['an escape after an escaped backslash', String.raw`{"a":"\\\u0000"}`, { at: 9, escaped: true }],
  [
    'an escape after many escaped backslashes',
    String.raw`"${'\\'.repeat(40)}u0000 ${'\\'.repeat(40)}\u0000"`,
    { at: 88, escaped: true },
  ],
  ['the character itself', '{"a":"\\n\0"}', { at: 9, escaped: false }],
])('finds %s, for every size of chunks', async (_name, text, found) => {
  const bytes = Buffer.from(text);
  for (let size = 1; size <= bytes.length; size++)
    expect(await findNul(inChunks(bytes, size), { escapes: true }), `chunks of ${size}`).toEqual(found);
});

test('treats an escape in a CSV as text', async () => {
  expect(await findNul(inChunks(Buffer.from(String.raw`x,\u0000`), 3), { escapes: false })).toBeUndefined();
  expect(await findNul(inChunks(Buffer.from('x,y\n1,a\0b\n'), 3), { escapes: false })).toEqual({
    at: 8,
    escaped: false,
  });
});
