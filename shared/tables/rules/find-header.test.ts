import { expect, test } from 'vitest';
import { textCell } from './cells.ts';
import { findHeader, type HeaderOptions, nameColumns } from './find-header.ts';

const rowsOf = (text: string) =>
  text.split('\n').map((line) => line.split(',').map((value) => (value === '' ? null : textCell(value))));
const find = (text: string, options?: HeaderOptions) => findHeader(rowsOf(text), options);

test.each([
  ['names over numbers', 'lon,lat,name\n1.5,2.5,a\n3,4,b', { header: 0, columns: 3, isCertain: true }],
  ['names that are years', 'Area,1969 ,1970 \nAlabama,2734 ,2962 \nAlaska,4769 ,5248 ', { header: 0, isCertain: true }],
  ['a header without the first name', ',name,value\n0,a,1.5\n1,b,2.5', { header: 0, isCertain: true }],
  ['a usual name over the only numbers', 'name,value\na,1\nb,2', { header: 0, isCertain: true }],
  ['an unusual name over the only numbers', 'Berlin,closed\nParis,7\nRome,9', { header: 0, isCertain: false }],
  ['two words over numbers', 'All,Total\n5,6\n7,8', { header: 0, isCertain: false }],
  ['a word that can be a value', 'All,Total\nA,0\nB,5', { header: 0, isCertain: false }],
  ['three words over numbers', 'foo,bar,baz\n5,6,7\n7,8,9', { header: 0, isCertain: true }],
  ['no values in the first row', ',\nBerlin,7\nRome,9', { header: undefined, firstRow: 0 }],
  ['texts only', 'Name,Land\nBerlin,DE\nParis,FR', { header: 0, isCertain: false }],
  ['units below the names', `id,depth\n,m\n${'7,1.5\n'.repeat(20)}8,2`, { header: 0, isCertain: true }],
  ['a mark for a missing number', 'Berlin,-\nParis,7\nRome,9', { header: undefined, firstRow: 0 }],
  [
    'more equal than different kinds',
    '0,All,Total,1998,46991171\n0,All,0,1998,3390678\n0,All,5,1998,342',
    { header: undefined },
  ],
  ['years over years', 'a,2001\nb,2002\nc,2003', { header: undefined }],
  ['an empty column without a name', 'a,b,\n1,2,\n3,4,', { header: 0, columns: 2 }],
  ['a column without a name', 'a,b,\n1,2,x\n3,4,', { header: 0, columns: 3 }],
  ['titles', 'Table 1\nSource: X\nid,name\n1,a\n2,b', { header: 2, firstRow: 3, titles: 2, columns: 2 }],
  ['padded titles', 'Table 1,,\nyear,pop,area\n2001,5,6\n2002,7,8', { header: 1, titles: 1, columns: 3 }],
  ['lines of facts', 'Station,Berlin\nFrom,2020\nid,t,h\n1,2,3\n4,5,6', { header: 2, titles: 2, columns: 3 }],
  ['a header that is too short', 'a,b\n1,2,3\n4,5,6', { header: 0, titles: 0, columns: 2 }],
  ['texts with a comma in one column', 'text\nhello\na, b\nworld', { header: 0, titles: 0, columns: 1 }],
  ['footers', 'year,v\n2001,2\n2002,4\nSource\nNote\nMore', { header: 0, titles: 0, columns: 2, isCertain: true }],
])('finds the names of a table with %s', (_, text, found) => expect(find(text)).toMatchObject(found));

test('declarations take precedence', () => {
  expect(find('1,2\n3,4', { header: true })).toMatchObject({ header: 0, firstRow: 1, isCertain: true });
  expect(find('a,b\n3,4', { header: false })).toMatchObject({ header: undefined, firstRow: 0, isCertain: true });
  expect(find('Table 1\na,b\n3,4', { titles: false })).toMatchObject({ header: 0, titles: 0 });
  expect(findHeader([])).toBeUndefined();
});

test('columns have the names of the header; columns without a name are numbered, with a note', () => {
  const { names, notes } = nameColumns(['größe', '', 'Größe'], 4, 'x é.csv');
  expect(names).toEqual(['größe', 'column_2', 'Größe_1', 'column_4']);
  expect(notes.map(({ code, column }) => [code, column])).toEqual([
    ['COLUMN_RENAMED', 'column_2'],
    ['COLUMN_RENAMED', 'Größe_1'],
  ]);
  expect(notes[0]?.message).toBe('Column 2 has no name in the file; it was named "column_2".');
});

test('without a header columns are numbered without notes', () => {
  expect(nameColumns(undefined, 2, 'x.csv')).toEqual({ names: ['column_1', 'column_2'], notes: [] });
});

test('5,000 columns with the same long name get different names', () => {
  const long = 'x'.repeat(200);
  const { names, notes } = nameColumns(
    Array.from({ length: 5_000 }, () => `${long}é`),
    5_000,
    'a.csv',
  );
  expect(new Set(names).size).toBe(5_000);
  expect(names.slice(0, 2)).toEqual([`${'x'.repeat(61)}_1`, `${'x'.repeat(61)}_2`]);
  expect(names.at(-1)).toBe(`${'x'.repeat(58)}_5000`);
  expect(notes[0]?.message).toContain(`Column "${long}…" was renamed to`);
});

test('blanks around a name are not part of it, and reserved names get a suffix', () => {
  expect(nameColumns(['1969  ', ' a', 'A ', 'id'], 4, 'a.csv', ['id']).names).toEqual(['1969', 'a', 'A_1', 'id_1']);
});
