import { expect, test } from 'vitest';
import { listClauses, listNames } from './list-names.ts';

test.each([
  [['a', 'b é'], 2, 'a, b é'],
  [['a', 'b', 'c'], 2, 'a, b and 1 more'],
  [[1, 2, 3, 4], 1, '1 and 3 more'],
  [[], 2, ''],
])('%j, at most %i: %s', (names, max, text) => expect(listNames(names, max)).toBe(text));

test('clauses are separated by semicolons', () => {
  expect(listClauses(['a: 1, 2', 'b: 3'], 2)).toBe('a: 1, 2; b: 3');
  expect(listClauses(['a', 'b', 'c'], 2)).toBe('a; b; and 1 more');
  expect(listClauses(['a', 'b'], 5, 9)).toBe('a; b; and 7 more');
});
