import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import { dueTimes, runCron, tickOf } from './cron.ts';
import { parseStack } from '#shared/config/stack.ts';

const at = (time: string) => new Date(`2026-05-01T${time}Z`);

test.each([
  ['* * * * *', '12:00:30.000', '12:00:00.000', '12:01:00.000'],
  ['* * * * *', '12:00:00.000', '12:00:00.000', '12:01:00.000'],
  ['*/15 * * * *', '12:14:59.999', '12:00:00.000', '12:15:00.000'],
  ['0 3 * * *', '12:00:00.000', '03:00:00.000', undefined],
])('%s at %s was due at %s and is due next at %s', (schedule, now, last, next) => {
  const due = dueTimes(schedule, at(now));
  expect(due.last).toEqual(at(last));
  if (next !== undefined) expect(due.next).toEqual(at(next));
});

test('the id of a tick depends on function and time', () => {
  const fn = { name: 'monitor-runs', schedule: '* * * * *' };
  expect(tickOf(fn, at('12:00:00.000'))).toEqual(tickOf(fn, at('12:00:00.000')));
  expect(tickOf(fn, at('12:01:00.000')).id).not.toBe(tickOf(fn, at('12:00:00.000')).id);
});

// Replaces only the clock, so that the test can advance it by minutes.
beforeEach(() => void vi.useFakeTimers({ now: at('12:00:30.000'), toFake: ['Date', 'setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

const stack = parseStack(
  'functions: {a: {annotations: {topic: cron-function, schedule: "* * * * *"}}, b: {annotations: {topic: t.one}}}',
);

test('publishes the last missed tick, then each tick at its time, and retries transient errors', async () => {
  const stop = new AbortController();
  const ticks: string[] = [];
  let failures = 1;
  const publishTo = async (name: string, event: SluiceEvent, { callId }: { callId: string }) => {
    if (event.time.includes('12:01:00') && failures-- > 0)
      throw new SluiceError('DATABASE_UNAVAILABLE', 'PostgreSQL is unavailable.');
    ticks.push(`${name} ${event.time.slice(11, 16)} ${callId === event.id}`);
  };
  const running = runCron({ stack, router: { publishTo }, log: SILENT_LOG, signal: stop.signal });
  await vi.advanceTimersByTimeAsync(29_000);
  expect(ticks).toEqual(['a 12:00 true']);
  await vi.advanceTimersByTimeAsync(3_000);
  expect(ticks).toEqual(['a 12:00 true']);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(ticks).toEqual(['a 12:00 true', 'a 12:01 true']);
  await vi.advanceTimersByTimeAsync(120_000);
  expect(ticks.map((tick) => tick.slice(2, 7))).toEqual(['12:00', '12:01', '12:02', '12:03']);
  stop.abort();
  await running;
});
