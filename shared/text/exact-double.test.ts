import { expect, test } from 'vitest';
import { isExactDouble } from './exact-double.ts';

test.each([
  ['0.1', true],
  ['1234.099999999999909', true],
  ['0.333333333333333315', true],
  ['1234567890123456', true],
  ['1234567890123456.7', false],
  ['12345678901234567890', false],
  ['1.23456789012345e-300', true],
  ['1e400', false],
  ['1e-400', false],
  ['0.000', true],
])('%s is the text of a double: %s', (text, isExact) => expect(isExactDouble(text)).toBe(isExact));
