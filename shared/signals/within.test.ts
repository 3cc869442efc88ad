import { expect, test } from 'vitest';
import { within } from './within.ts';

test('returns the result of work that ends in time', async () => {
  expect(await within(Promise.resolve('done'), 60_000)).toBe('done');
});

test('returns undefined for work that does not end in time', async () => {
  expect(await within(new Promise(() => undefined), 1)).toBeUndefined();
});

test('rejects with the error of the work', async () => {
  await expect(within(Promise.reject(new RangeError('too long')), 60_000)).rejects.toThrow('too long');
});
