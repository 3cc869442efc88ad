import { expect, test } from 'vitest';
import { BoundedReading } from './bounded-reading.ts';

/** A reading that takes `readMs`, on a clock that the test sets. */
function reading(readMs: number, read: (count: number) => number = (count) => count) {
  const clock = { now: 0 };
  let count = 0;
  const value = new BoundedReading(
    async () => {
      await Promise.resolve();
      clock.now += readMs;
      return read((count += 1));
    },
    { freshMs: 5_000, now: () => clock.now },
  );
  return { clock, value };
}

test('reads again after the given time', async () => {
  const { clock, value } = reading(10);
  expect(await value.value()).toBe(1);
  clock.now += 4_999;
  expect(await value.value()).toBe(1);
  clock.now += 1;
  expect(await value.value()).toBe(2);
});

test('reads a value that takes long only for a hundredth of the time', async () => {
  const { clock, value } = reading(200);
  expect(await value.value()).toBe(1);
  clock.now += 19_999;
  expect(await value.value()).toBe(1);
  clock.now += 1;
  expect(await value.value()).toBe(2);
});

test('concurrent requests wait for one reading', async () => {
  const { value } = reading(10);
  expect(await Promise.all([value.value(), value.value(), value.value()])).toEqual([1, 1, 1]);
});

test('returns undefined after a failure, and reads again at the next request', async () => {
  const { value } = reading(10, (count) => {
    if (count === 1) throw new Error('away');
    return count;
  });
  expect(await value.value()).toBeUndefined();
  expect(await value.value()).toBe(2);
});
