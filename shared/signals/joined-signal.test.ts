import { expect, test, vi } from 'vitest';
import { signalReferences } from '../../tests/signal-references.ts';
import { JoinedSignal } from './joined-signal.ts';

test('aborts with the reason of the first source that aborts, also of one that is aborted already', () => {
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
