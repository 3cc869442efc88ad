import { expect, test } from 'vitest';
import { isCompatible } from './version.ts';

test.each([
  ['0.1.0', '0.1.7', true],
  ['0.1.0', '0.2.0', true],
  ['1.10.0', '1.9.3', true],
  ['0.1.0', '0.3.0', false],
  ['1.0.0', '0.9.0', false],
  ['0.1.0', 'latest', false],
])('version %s works with %s: %s', (one, other, expected) => {
  expect(isCompatible(one, other)).toBe(expected);
  expect(isCompatible(other, one)).toBe(expected);
});
