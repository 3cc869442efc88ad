import { expect, test } from 'vitest';
import { truncateToBytes } from './truncate.ts';

test.each([
  ['größe', 20, 'größe'],
  ['größe', 3, 'gr'],
  ['größe', 4, 'grö'],
  ['道路', 5, '道'],
  ['a🗺b', 4, 'a'],
  ['a🗺b', 5, 'a🗺'],
  ['道', 2, ''],
  ['a', 0, ''],
])('the characters of %j in %i bytes are %j', (text, maxBytes, expected) => {
  expect(truncateToBytes(text, maxBytes)).toBe(expected);
});
