import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { testEvent } from '../../tests/fixtures/router.ts';
import { RecentEvents } from './recent-events.ts';

const event = testEvent('t', 'id é');
let recent: RecentEvents;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: 0 });
  recent = new RecentEvents();
});
afterEach(() => void vi.useRealTimers());

test('publishes an event once in the minute after its publication, by source and id', async () => {
  const publish = vi.fn(() => Promise.resolve());
  const at = async (seconds: number, given = event) => {
    vi.setSystemTime(seconds * 1000);
    const { work, isRepeat } = recent.once(given, publish);
    await work;
    return isRepeat;
  };
  expect([await at(0), await at(59), await at(59, { ...event, type: 'u' })]).toEqual([false, true, true]);
  expect([await at(59, { ...event, source: '/other' }), await at(59, { ...event, id: 'other' })]).toEqual([
    false,
    false,
  ]);
  expect(await at(61)).toBe(false);
  expect(publish).toHaveBeenCalledTimes(4);
});

test('a repeat waits for a publication that takes longer than a minute', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = recent.once(event, () => promise);
  vi.setSystemTime(599_000);
  const second = recent.once(event, () => expect.unreachable());
  expect([second.isRepeat, second.work]).toEqual([true, first.work]);
  resolve();
  await first.work;
  vi.setSystemTime(658_000);
  expect(recent.once(event, () => expect.unreachable()).isRepeat).toBe(true);
});

test('a failed publication is not remembered, and fails for each caller that waited for it', async () => {
  const broken = () => Promise.reject(new Error('away'));
  const [first, second] = [recent.once(event, broken), recent.once(event, broken)];
  expect(second.isRepeat).toBe(true);
  await expect(first.work).rejects.toThrow('away');
  await expect(second.work).rejects.toThrow('away');
  await vi.waitFor(() => expect(recent.once(event, () => Promise.resolve()).isRepeat).toBe(false));
});
