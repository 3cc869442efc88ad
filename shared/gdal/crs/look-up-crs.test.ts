import { expect, test } from 'vitest';
import { identifiedCode } from './look-up-crs.ts';

test('accepts a code that is certain and unique', () => {
  expect(identifiedCode('PROJCRS[…]\n\nIdentification match count: 1\nEPSG:31985: 100 %\n')).toBe('EPSG:31985');
  expect(identifiedCode('EPSG:31985: 70 %\n')).toBeUndefined();
  expect(identifiedCode('EPSG:1: 100 %\nEPSG:2: 100 %\n')).toBeUndefined();
});
