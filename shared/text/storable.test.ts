import { expect, test } from 'vitest';
import { findUnstorable, storableJson, storableText, storableValue } from './storable.ts';

test.each([
  [{ a: { 'b c': ['ok', 'x\0'] } }, 'a.b c.1'],
  [{ tags: { 'a\0b': 1 } }, 'tags.a\uFFFDb'],
  [['\ud83d'], '0'],
  ['\udc00 alone', 'the text'],
])('finds the field that cannot be stored in %j', (document, field) => {
  expect(findUnstorable(document)).toBe(field);
  expect(() => storableJson(document)).toThrow(
    expect.objectContaining({ code: 'REQUEST_INVALID', details: { field } }),
  );
});

test.each([
  ['\\u0000'],
  ['\\\\u0000'],
  ['🗺️ größe'],
  ['\u0001\u001f\u007f\t'],
  [{ $set: { 'a.b': null } }],
  [null],
  [[1.5, true]],
])('%j can be stored unchanged', (document) => {
  expect(JSON.parse(storableJson(document))).toEqual(document);
  expect(storableValue(document)).toEqual(document);
});

test('replaces characters that cannot be stored with U+FFFD', () => {
  expect(storableText('a\0b\ud83d c\ude00 🗺️')).toBe('a\uFFFDb\uFFFD c\uFFFD 🗺️');
  expect(storableValue({ 'k\0': ['v\0', { n: 1, z: null }] })).toEqual({ 'k\uFFFD': ['v\uFFFD', { n: 1, z: null }] });
});
