import { expect, test } from 'vitest';
import { nameColumns } from './column-names.ts';

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

test('blanks around a name are no part of it, and reserved names get a suffix', () => {
  expect(nameColumns(['1969  ', ' a', 'A ', 'id'], 4, 'a.csv', ['id']).names).toEqual(['1969', 'a', 'A_1', 'id_1']);
});
