import { pino } from 'pino';
import { afterEach, expect, test, vi } from 'vitest';
import { parseEnv } from '#shared/config/env.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import type { DiskSpace } from '../observe/disk-space.ts';
import type { Alert, StuckWork } from './alert.ts';
import { AlertWatch } from './alert-watch.ts';

afterEach(() => void vi.useRealTimers());

const env = parseEnv({ ALERT_STUCK_MINUTES: '30', ALERT_DISK_FREE_PERCENT: '10' });
const disk = (freeBytes: number): DiskSpace => ({ folder: 'SCRATCH_DIR', path: '/x', freeBytes, sizeBytes: 1_000 });
const waiting = (seconds: number): StuckWork => ({ state: 'waiting', function: 'join', seconds });
const running = (seconds: number): StuckWork => ({
  state: 'running',
  function: 'export-cog',
  seconds,
  jobId: 'job',
  runId: undefined,
});

async function alertsFor(work: StuckWork[], disks: DiskSpace[], settings = env): Promise<string[]> {
  const alerts: Alert[] = [];
  const watch = new AlertWatch({
    env: settings,
    log: SILENT_LOG,
    listWork: () => Promise.resolve(work),
    readDisks: () => Promise.resolve(disks),
    send: async (alert) => void alerts.push(alert),
  });
  await watch.check();
  return alerts.map(({ type, subject }) => (type === 'sluice.alert.disk.low' ? type : `${type} ${subject}`));
}

test('alerts to work above the time limit', async () => {
  expect(await alertsFor([waiting(1_800), running(1_800)], [])).toEqual([]);
  expect(await alertsFor([waiting(1_801), running(1_801)], [])).toEqual([
    'sluice.alert.work.stuck join',
    'sluice.alert.work.stuck export-cog',
  ]);
});

test('alerts to a disk below the limit, unless the limit is 0', async () => {
  expect(await alertsFor([], [disk(100)])).toEqual([]);
  expect(await alertsFor([], [disk(99)])).toEqual(['sluice.alert.disk.low']);
  expect(await alertsFor([], [disk(0)], { ...env, ALERT_DISK_FREE_PERCENT: 0 })).toEqual([]);
});

test('a check that fails is logged', async () => {
  const lines: string[] = [];
  const watch = new AlertWatch({
    env,
    log: pino({}, { write: (line) => void lines.push(line) }),
    listWork: () => Promise.reject(new Error('away')),
    send: () => Promise.resolve(),
  });
  watch.start();
  watch.pause();
  await watch.idle();
  expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(['Alert:Check:Failed']);
});

test('starts no check while one is running, and the next one a minute after that', async () => {
  vi.useFakeTimers();
  let calls = 0;
  let reading = Promise.withResolvers<DiskSpace[]>();
  const watch = new AlertWatch({
    env,
    log: SILENT_LOG,
    listWork: () => Promise.resolve([]),
    readDisks: () => {
      calls += 1;
      return reading.promise;
    },
    send: () => Promise.resolve(),
  });
  watch.start();
  await vi.advanceTimersByTimeAsync(180_000);
  expect(calls).toBe(1);
  reading.resolve([]);
  await watch.idle();
  reading = Promise.withResolvers();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(calls).toBe(2);
  watch.pause();
  reading.resolve([]);
  await watch.idle();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(calls).toBe(2);
});
