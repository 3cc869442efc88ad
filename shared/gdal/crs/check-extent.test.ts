import { expect, test } from 'vitest';
import { parseTransformedPoints } from './check-extent.ts';

test('skips points without a position in the output of gdaltransform', () => {
  expect(parseTransformedPoints('1 2\ntransformation failed.\ninf inf\n-3.5 4e1\n')).toEqual([
    [1, 2],
    [-3.5, 40],
  ]);
});
