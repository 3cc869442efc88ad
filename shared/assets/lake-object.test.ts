import { expect, test } from 'vitest';
import { sortedEntries } from './lake-object.ts';

test('entries are the same in whatever order fields were written, also within objects; a field that is not given does not count', () => {
  expect(sortedEntries({ b: { y: 1, x: [2, 1] }, a: undefined })).toEqual(sortedEntries({ b: { x: [2, 1], y: 1 } }));
});
