import { expect, test } from 'vitest';
import { CallHistory } from './call-history.ts';

const MINUTE = 60_000;
const START = Date.parse('2026-01-02T03:04:05.000Z');

test('counts the calls of the last hour by minute, with their durations', () => {
  const history = new CallHistory();
  const call = (seconds: number, at: number) => {
    history.start('f');
    history.end('f', { seconds, runId: undefined }, at);
  };
  call(9, START - 60 * MINUTE); // It is too old.
  for (let n = 1; n <= 100; n++) call(n, START - 2 * MINUTE);
  call(1000, START);
  history.start('f');
  const view = history.view('f', START);
  expect(view).toMatchObject({ running: 1, calls: 101, failures: 0, since: '2026-01-02T02:05:00.000Z', errors: [] });
  expect(view.minutes).toEqual([
    { minute: '2026-01-02T03:02:00.000Z', calls: 100, failures: 0, seconds: { p50: 50, p95: 95 } },
    { minute: '2026-01-02T03:04:00.000Z', calls: 1, failures: 0, seconds: { p50: 1000, p95: 1000 } },
  ]);
  expect(view.seconds).toEqual({ p50: 51, p95: 96 });
  expect(history.view('other', START)).toMatchObject({ running: 0, calls: 0, seconds: null, minutes: [] });
});

test('the percentiles of many calls are about those of all of them', () => {
  const history = new CallHistory();
  for (let n = 0; n < 20_000; n++) {
    history.start('f');
    history.end('f', { seconds: (n * 7919) % 1000, runId: undefined }, START);
  }
  for (let n = 0; n < 10; n++) {
    history.start('f');
    history.end('f', { seconds: 5000, runId: undefined }, START + MINUTE);
  }
  const { seconds, calls } = history.view('f', START + MINUTE);
  expect(calls).toBe(20_010);
  expect(Math.abs((seconds?.p50 ?? 0) - 500)).toBeLessThan(200);
  expect(seconds?.p95).toBeLessThan(1000);
});

test('keeps the last errors, newest first', () => {
  const history = new CallHistory();
  for (let n = 0; n < 12; n++) {
    history.start('f');
    const error = { code: 'DISK_FULL' as const, message: `error ${n}`, details: {} };
    history.end('f', { seconds: 1, error, runId: n === 11 ? 'r' : undefined }, START);
  }
  const { errors, failures } = history.view('f', START);
  expect(failures).toBe(12);
  expect(errors).toHaveLength(10);
  expect(errors[0]).toEqual({ at: '2026-01-02T03:04:05.000Z', code: 'DISK_FULL', message: 'error 11', run_id: 'r' });
  expect(errors.at(-1)).toMatchObject({ message: 'error 2', run_id: null });
});
