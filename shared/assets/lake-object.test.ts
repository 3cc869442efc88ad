import { expect, test } from 'vitest';
import { objectKey, sortedEntries } from './lake-object.ts';

test('the key of the object names the claim', () => {
  expect(objectKey({ dataset_id: 'Straßen', run_id: 'r' }, 7, 'Straßen.parquet')).toBe('Straßen/r/7/Straßen.parquet');
});

test('entries are the same in whatever order fields were written, also within objects; a field that is not given does not count', () => {
  expect(sortedEntries({ b: { y: 1, x: [2, 1] }, a: undefined })).toEqual(sortedEntries({ b: { x: [2, 1], y: 1 } }));
});
