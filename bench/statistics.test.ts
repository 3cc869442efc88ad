import { expect, test } from 'vitest';
import { median, percentile, significant } from './report.ts';

test('a percentile is one of the values', () => {
  expect(percentile([40, 10, 30, 20], 0.5)).toBe(20);
  expect(percentile([40, 10, 30, 20], 0.95)).toBe(40);
  expect(percentile([7], 0.5)).toBe(7);
  expect(percentile([], 0.5)).toBeNaN();
});

test('the median of an even number of values is the mean of the middle ones', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(median([])).toBeNaN();
});

test('numbers are rounded to significant digits', () => {
  expect(significant(1.23456)).toBe(1.23);
  expect(significant(123_456)).toBe(123_000);
  expect(significant(Number.NaN)).toBeNaN();
});
