import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SILENT_LOG } from '#shared/log/log.ts';
import { ExtraHost } from './extra-host.ts';
import type { HostPlace } from './host-place.ts';

/** A place whose process starts immediately. */
function placeWithoutProcess() {
  const place = { isReady: false, calls: 0, longCalls: 0, open: vi.fn(), retire: vi.fn() };
  place.open.mockImplementation(() => Promise.resolve((place.isReady = true)));
  place.retire.mockImplementation(() => Promise.resolve((place.isReady = false)));
  return place;
}

let place: ReturnType<typeof placeWithoutProcess>;
const shared = { longCalls: 0 } as HostPlace;
let extra: ExtraHost;
beforeEach(() => {
  vi.useFakeTimers();
  place = placeWithoutProcess();
  const times = { longCallMs: 10, idleMs: 100 };
  extra = new ExtraHost(place as unknown as HostPlace, { log: SILENT_LOG, times });
});
afterEach(() => {
  extra.stop();
  vi.useRealTimers();
});

/** A call that takes `milliseconds`. */
const call = (milliseconds: number) =>
  extra.observe(shared, new Promise<void>((resolve) => setTimeout(resolve, milliseconds)));

test('does not stop the process while another long call runs', async () => {
  const first = call(30);
  await vi.advanceTimersByTimeAsync(30);
  await first;
  const second = call(500);
  await vi.advanceTimersByTimeAsync(400);
  expect([place.isReady, shared.longCalls]).toEqual([true, 1]);
  await vi.advanceTimersByTimeAsync(100);
  await second;
  await vi.advanceTimersByTimeAsync(99);
  expect(place.isReady).toBe(true);
  await vi.advanceTimersByTimeAsync(1);
  expect([place.isReady, shared.longCalls]).toEqual([false, 0]);
});

test('stops the process only when its own calls have ended', async () => {
  const long = call(20);
  await vi.advanceTimersByTimeAsync(20);
  await long;
  place.calls = 1;
  await vi.advanceTimersByTimeAsync(150);
  expect(place.retire).not.toHaveBeenCalled();
  place.calls = 0;
  await vi.advanceTimersByTimeAsync(100);
  expect(place.retire).toHaveBeenCalledTimes(1);
});

test('starts one process for several long calls', async () => {
  place.open.mockImplementation(() => new Promise(() => undefined));
  const calls = [call(20), call(20)];
  await vi.advanceTimersByTimeAsync(20);
  await Promise.all(calls);
  expect(place.open).toHaveBeenCalledTimes(1);
});

test('tries again with the next long call after a failed start', async () => {
  place.open.mockRejectedValueOnce(new Error('no memory'));
  for (const isReady of [false, true]) {
    const long = call(20);
    await vi.advanceTimersByTimeAsync(20);
    await long;
    expect(place.isReady).toBe(isReady);
  }
});
