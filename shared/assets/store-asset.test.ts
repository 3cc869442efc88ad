import { expect, test } from 'vitest';
import { sortedEntries } from './store-asset.ts';

test('sorted entries do not depend on the order of fields, even in nested objects, and omit undefined fields', () => {
  expect(sortedEntries({ b: { y: 1, x: [2, 1] }, a: undefined })).toEqual(sortedEntries({ b: { x: [2, 1], y: 1 } }));
});
