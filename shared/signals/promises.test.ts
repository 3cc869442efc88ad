import { describe, expect, test } from 'vitest';
import { settleAll, within } from './promises.ts';

describe('settleAll', () => {
  test('returns the results in order', async () => {
    expect(await settleAll([Promise.resolve(1), Promise.resolve(2)])).toEqual([1, 2]);
  });

  test('rejects with the first error after all work has ended', async () => {
    const { promise: slow, resolve } = Promise.withResolvers<number>();
    let isSettled = false;
    const all = settleAll([slow, Promise.reject(new Error('first')), Promise.reject(new Error('second'))]).finally(
      () => {
        isSettled = true;
      },
    );
    all.catch(() => undefined);
    await new Promise((done) => setImmediate(done));
    expect(isSettled).toBe(false);
    resolve(1);
    await expect(all).rejects.toThrow('first');
  });
});

describe('within', () => {
  test('returns the result of work that ends in time', async () => {
    expect(await within(Promise.resolve('done'), 60_000)).toBe('done');
  });

  test('returns undefined for work that does not end in time', async () => {
    expect(await within(new Promise(() => undefined), 1)).toBeUndefined();
  });

  test('rejects with the error of the work', async () => {
    await expect(within(Promise.reject(new RangeError('too long')), 60_000)).rejects.toThrow('too long');
  });
});
