import { expect, test } from 'vitest';
import { changedColumns, difference } from './compare-versions.ts';

test('lists added, changed and removed columns', () => {
  const from = [
    { name: 'id', type: 'integer' },
    { name: 'code', type: 'text' },
    { name: 'area', type: 'real' },
  ];
  const to = [
    { name: 'id', type: 'bigint' },
    { name: 'name', type: 'text' },
    { name: 'code', type: 'text' },
  ];
  expect(changedColumns(from, to)).toEqual([
    { name: 'id', from: 'integer', to: 'bigint' },
    { name: 'name', from: null, to: 'text' },
    { name: 'area', from: 'real', to: null },
  ]);
  expect(changedColumns(to, [...to].reverse())).toEqual([]);
});

test('shows the difference of two numbers', () => {
  expect(difference(10, 15, String)).toBe('+5');
  expect(difference(15, 10, String)).toBe('−5');
  expect(difference(null, 10, String)).toBe('');
  expect(difference(10, 10, String)).toBe('');
});
