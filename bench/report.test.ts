import { expect, test } from 'vitest';
import { asText, meetsGoal, type Measure } from './report.ts';

const measure = (value: number, goal?: Measure['goal']): Measure => ({
  name: 'ratio',
  value,
  unit: 'x',
  ...(goal && { goal }),
});

test('a goal is met at its limit, and missed beyond it', () => {
  expect(meetsGoal(measure(1.2, { at_most: 1.2 }))).toBe(true);
  expect(meetsGoal(measure(1.21, { at_most: 1.2 }))).toBe(false);
  expect(meetsGoal(measure(100, { at_least: 100 }))).toBe(true);
  expect(meetsGoal(measure(99, { at_least: 100 }))).toBe(false);
  expect(meetsGoal(measure(Number.NaN, { at_most: 1 }))).toBe(false);
  expect(meetsGoal(measure(7))).toBe(true);
});

test('the text shows each measure with its goal', () => {
  const text = asText({
    name: 'x',
    title: 'A thousand parcels',
    measures: [measure(1.2345, { at_most: 1.2 }), { name: 'seconds', value: 2, unit: 's' }],
    repeats: [],
  });
  expect(text.split('\n').map((line) => line.replace(/ +/g, ' '))).toEqual([
    'A thousand parcels',
    ' ratio 1.23 x MISSED (at most 1.2)',
    ' seconds 2 s',
    '',
  ]);
});
