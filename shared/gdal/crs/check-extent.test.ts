import { expect, test } from 'vitest';
import { parseTransformedPoints } from './check-extent.ts';

test('reads the points in the output of gdaltransform, also those without a position', () => {
  expect(parseTransformedPoints('1 2\ntransformation failed.\ninf inf\n-3.5 4e1\n')).toEqual([
    [1, 2],
    undefined,
    undefined,
    [-3.5, 40],
  ]);
});
