import { expect, test } from 'vitest';
import { queryOf } from './query-in-url.ts';

const columns = [
  { name: 'a', type: 'text', isNumeric: false, isNested: false },
  { name: '-b & c', type: 'integer', isNumeric: true, isNested: false },
  { name: 'list', type: 'text[]', isNumeric: false, isNested: true },
];
const query = (params: Record<string, string>) => queryOf(new URLSearchParams(params), columns);

test('reads the sorted column and the filter', () => {
  expect(query({ sort: '-b & c', order: 'descending', where: 'a', is: 'at least', value: 'x=1' })).toEqual({
    sort: { column: '-b & c', descending: true },
    filter: { column: 'a', operator: 'at least', text: 'x=1' },
  });
  expect(query({ sort: 'a', where: 'a', is: 'is empty' })).toEqual({
    sort: { column: 'a', descending: false },
    filter: { column: 'a', operator: 'is empty', text: '' },
  });
});

test('ignores unknown and nested columns, and unknown conditions', () => {
  expect(query({ sort: 'list', where: 'gone', is: 'equals' })).toEqual({});
  expect(query({ sort: 'gone', where: 'a', is: 'like', value: 'x' })).toEqual({});
});
