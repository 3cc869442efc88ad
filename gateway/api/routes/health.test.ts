import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ServerCheck } from './health.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

test('returns the previous state while a server responds slowly, and then that it does not respond', async () => {
  const slowAnswer = Promise.withResolvers<void>();
  let pings = 0;
  const check = new ServerCheck(() => {
    pings += 1;
    return pings === 1 ? Promise.resolve() : slowAnswer.promise;
  });
  expect(await check.state()).toBe('ok');
  await vi.advanceTimersByTimeAsync(1_000);
  const slow = check.state();
  await vi.advanceTimersByTimeAsync(20);
  expect(await slow).toBe('ok');

  await vi.advanceTimersByTimeAsync(5_000);
  const down = check.state();
  await vi.advanceTimersByTimeAsync(20);
  expect(await down).toBe('No response within 5 s.');
  expect(pings).toBe(2);

  slowAnswer.resolve();
  await vi.advanceTimersByTimeAsync(0);
  expect(await check.state()).toBe('ok');
});

test('returns a state of the last second without waiting, and checks the server meanwhile', async () => {
  let isUp = true;
  const check = new ServerCheck(() => (isUp ? Promise.resolve() : Promise.reject(new Error('Connection refused.'))));
  expect(await check.state()).toBe('ok');
  isUp = false;
  await vi.advanceTimersByTimeAsync(250);
  expect(await check.state()).toBe('ok');
  await vi.advanceTimersByTimeAsync(0);
  expect(await check.state()).toContain('Connection refused');
});

test('checks a server once for all requests of a quarter of a second', async () => {
  const answer = Promise.withResolvers<void>();
  let pings = 0;
  const check = new ServerCheck(() => {
    pings += 1;
    return answer.promise;
  });
  const first = Promise.all([check.state(), check.state()]);
  answer.reject(new Error('Connection refused.'));
  const states = await first;
  expect(states[0]).toContain('Connection refused');
  expect(states[1]).toBe(states[0]);
  expect(await check.state()).toBe(states[0]);
  expect(pings).toBe(1);
  await vi.advanceTimersByTimeAsync(250);
  expect(await check.state()).toBe(states[0]);
  expect(pings).toBe(2);
});

test('reports a server that does not respond to the first check', async () => {
  const check = new ServerCheck(() => new Promise(() => undefined));
  const first = check.state();
  await vi.advanceTimersByTimeAsync(20);
  expect(await first).toBe('ok');
  await vi.advanceTimersByTimeAsync(5_000);
  const later = check.state();
  await vi.advanceTimersByTimeAsync(20);
  expect(await later).toBe('No response within 5 s.');
});
