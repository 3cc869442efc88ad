import { getEventListeners } from 'node:events';
import { expect, test, vi } from 'vitest';
import { CallLimits } from './call-limits.ts';

test('any source signal aborts the call, also one that is aborted already', () => {
  const [first, second] = [new AbortController(), new AbortController()];
  const limits = new CallLimits([first.signal, second.signal]);
  second.abort();
  expect([limits.signal.aborted, limits.timedOut]).toEqual([true, false]);
  expect(new CallLimits([second.signal]).signal.aborted).toBe(true);
});

test('the time limit aborts the call and is reported', () => {
  vi.useFakeTimers();
  const limits = new CallLimits([], 3600);
  vi.advanceTimersByTime(3_599_999);
  expect(limits.signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect([limits.signal.aborted, limits.timedOut]).toEqual([true, true]);
  vi.useRealTimers();
});

test('work that continues after the abort is abandoned', async () => {
  vi.useFakeTimers();
  const limits = new CallLimits([], 1);
  const call = limits.orAbandon(new Promise(() => undefined), 10_000, () => new Error('left'));
  vi.advanceTimersByTime(11_000);
  await expect(call).rejects.toThrow('left');
  vi.useRealTimers();
});

test('a released call keeps no listener and no timer', () => {
  vi.useFakeTimers();
  const source = new AbortController();
  const limits = new CallLimits([source.signal], 10);
  limits.release();
  expect([getEventListeners(source.signal, 'abort').length, vi.getTimerCount()]).toEqual([0, 0]);
  vi.useRealTimers();
});
