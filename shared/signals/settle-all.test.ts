import { expect, test } from 'vitest';
import { settleAll } from './settle-all.ts';

test('returns the results in order', async () => {
  expect(await settleAll([Promise.resolve(1), Promise.resolve(2)])).toEqual([1, 2]);
});

test('rejects with the first error after all work has ended', async () => {
  const { promise: slow, resolve } = Promise.withResolvers<number>();
  let isSettled = false;
  const all = settleAll([slow, Promise.reject(new Error('first')), Promise.reject(new Error('second'))]).finally(() => {
    isSettled = true;
  });
  all.catch(() => undefined);
  await new Promise((done) => setImmediate(done));
  expect(isSettled).toBe(false);
  resolve(1);
  await expect(all).rejects.toThrow('first');
});
