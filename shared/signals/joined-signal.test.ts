import { getEventListeners } from 'node:events';
import { expect, test, vi } from 'vitest';
import { signalReferences } from '../../tests/signal-references.ts';
import { CallLimits, JoinedSignal } from './joined-signal.ts';

test('aborts with the reason of the first source that aborts, including one that is aborted already', () => {
  const [first, second] = [new AbortController(), new AbortController()];
  using joined = new JoinedSignal([first.signal, second.signal]);
  second.abort('größe');
  first.abort('later');
  expect([joined.signal.aborted, joined.signal.reason, joined.timedOut]).toEqual([true, 'größe', false]);
  expect(new JoinedSignal([second.signal]).signal.reason).toBe('größe');
});

test('aborts after the time limit', () => {
  vi.useFakeTimers();
  using joined = new JoinedSignal([], 1000);
  vi.advanceTimersByTime(999);
  expect(joined.signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect([joined.signal.aborted, joined.timedOut, (joined.signal.reason as Error).name]).toEqual([
    true,
    true,
    'TimeoutError',
  ]);
  vi.useRealTimers();
});

test('after its end, the source has no reference to it, and no timer is left', () => {
  vi.useFakeTimers();
  const source = new AbortController();
  for (let call = 0; call < 50; call += 1) {
    using joined = new JoinedSignal([source.signal], 60_000);
    joined.signal.addEventListener('abort', () => undefined);
    expect(signalReferences(source.signal)).toBe(1);
  }
  expect([signalReferences(source.signal), vi.getTimerCount()]).toEqual([0, 0]);
  vi.useRealTimers();
});

test('the count of references includes signals of AbortSignal.any, which have no end', () => {
  const source = new AbortController();
  // eslint-disable-next-line no-restricted-properties -- shows why it is restricted
  const joined = [1, 2, 3].map(() => AbortSignal.any([source.signal, new AbortController().signal]));
  for (const signal of joined) signal.addEventListener('abort', () => undefined);
  expect(signalReferences(source.signal)).toBe(3);
});

test('any source signal aborts the call, including one that is aborted already', () => {
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
