import { expect, test } from 'vitest';
import { nameColumns } from './dialect.ts';

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
