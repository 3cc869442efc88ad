import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseEnv } from '#shared/config/env.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import type { ExtraHostTimes } from './extra-host.ts';
import type { HostLimits } from './host-process.ts';
import { FunctionHosts } from './function-hosts.ts';

const PROGRAM = fileURLToPath(new URL('../../tests/fixtures/misbehaving-host.worker.ts', import.meta.url));
const MEBIBYTE = 2 ** 20;
const never = new AbortController().signal;
const event = (subject: string): SluiceEvent => ({
  specversion: '1.0',
  id: 'e',
  source: '/test',
  type: 't',
  subject,
  time: '2026-01-02T03:04:05Z',
  datacontenttype: 'application/json',
  data: {},
});

let home: string;
let hosts: FunctionHosts;
const start = (limits: Partial<HostLimits>, extra: Partial<ExtraHostTimes> = {}) =>
  FunctionHosts.start({ env: parseEnv({ SLUICE_HOME: home }), log: SILENT_LOG, program: PROGRAM, limits, extra });
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice host é#'));
  hosts = await start({ memoryBytes: 400 * MEBIBYTE });
});
afterEach(async () => {
  await hosts.stop();
  await rm(home, { recursive: true, force: true });
});

const call = (name: string, subject = 'x', alone = false) =>
  hosts.invoke(name, event(subject), { signal: never, alone });
const pidOf = async (alone = false) => ((await call('echo', 'x', alone))?.data as { pid: number }).pid;

describe('a process of functions', () => {
  test('executes calls, and is replaced when it ends', async () => {
    const first = await pidOf();
    expect(first).not.toBe(process.pid);
    await expect(call('die')).rejects.toMatchObject({
      code: 'FUNCTION_UNAVAILABLE',
      reason: 'exited',
      description: 'it ended with exit code 7',
    });
    const second = await pidOf();
    expect(second).not.toBe(first);
    await expect(call('kill')).rejects.toMatchObject({ reason: 'exited', description: 'it ended with SIGKILL' });
    expect(await pidOf()).not.toBe(second);
  });

  test('ends all calls that run in it, and calls that arrive during the restart wait for the next one', async () => {
    const waiting = call('wait', '60000');
    const caught = waiting.catch((thrown: unknown) => thrown);
    const dying = call('die').catch((thrown: unknown) => thrown);
    expect(await Promise.all([caught, dying])).toMatchObject([{ reason: 'exited' }, { reason: 'exited' }]);
    expect((await Promise.all([pidOf(), pidOf(), pidOf()])).every((pid) => pid === hosts.pids[0])).toBe(true);
  });

  test('is ended when its event loop is blocked', async () => {
    await hosts.stop();
    hosts = await start({ missedHeartbeats: 3 });
    await expect(call('freeze')).rejects.toMatchObject({
      reason: 'frozen',
      description: 'it did not respond for 3 s and was stopped',
    });
    expect(await pidOf()).toBeGreaterThan(0);
  });

  test.runIf(process.platform === 'linux')('is ended when it uses too much memory (needs /proc of Linux)', async () => {
    await expect(call('fill')).rejects.toMatchObject({ reason: 'memory' });
  });

  test('is ended by V8 when its heap is full', async () => {
    await expect(call('fill-heap')).rejects.toMatchObject({
      reason: 'memory',
      description: 'its JavaScript heap was full',
    });
  });
});

test('calls that run alone use another process, one after the other', async () => {
  const shared = await pidOf();
  const [first, second] = await Promise.all([pidOf(true), pidOf(true)]);
  expect(first).toBe(second);
  expect(first).not.toBe(shared);

  const dying = call('die', 'x', true).catch((thrown: unknown) => thrown);
  const after = pidOf(true);
  expect(await dying).toMatchObject({ reason: 'exited' });
  expect([first, shared]).not.toContain(await after);
  expect(await pidOf()).toBe(shared);
});

describe('a further process', () => {
  /** Starts a call that takes long, and waits until a further process is ready. `shared` is the pid of the first. */
  const startLongCall = async () => {
    const shared = await pidOf();
    const abort = new AbortController();
    const long = hosts.invoke('wait', event('60000'), { signal: abort.signal }).catch((thrown: unknown) => thrown);
    await expect.poll(() => pidOf()).not.toBe(shared);
    const endLongCall = async () => {
      abort.abort();
      await long;
    };
    return { shared, endLongCall };
  };
  const numberOfProcesses = (number: number) => expect.poll(() => hosts.pids.length).toBe(number);

  test('executes calls while a call takes long, and stops when no call does', async () => {
    await hosts.stop();
    hosts = await start({}, { longCallMs: 1, idleMs: 1 });
    const { shared, endLongCall } = await startLongCall();
    await endLongCall();
    await numberOfProcesses(1);
    expect(await pidOf()).toBe(shared);
  });

  test('executes all short calls while a call takes long', async () => {
    await hosts.stop();
    hosts = await start({}, { longCallMs: 100, idleMs: 60_000 });
    const { shared, endLongCall } = await startLongCall();
    expect(await Promise.all([pidOf(), pidOf(), pidOf()])).not.toContain(shared);
    await endLongCall();
  });

  test('does not start for short calls', async () => {
    await hosts.stop();
    hosts = await start({}, { longCallMs: 60_000 });
    await Promise.all([call('wait', '50'), call('wait', '50')]);
    expect(hosts.pids).toHaveLength(1);
  });

  test('starts again at the next long call when it ended', async () => {
    await hosts.stop();
    hosts = await start({}, { longCallMs: 1 });
    const { shared, endLongCall } = await startLongCall();
    const first = await pidOf();
    await expect(call('kill')).rejects.toMatchObject({ reason: 'exited', description: 'it ended with SIGKILL' });
    // Every call is a long one.
    await expect.poll(() => pidOf()).not.toBe(shared);
    expect(await pidOf()).not.toBe(first);
    await endLongCall();
  });

  test('does not prevent the stop while it starts', async () => {
    await hosts.stop();
    hosts = await start({}, { longCallMs: 1 });
    const long = call('wait', '60000').catch((thrown: unknown) => thrown);
    await numberOfProcesses(2);
    await hosts.stop();
    expect(await long).toMatchObject({ code: 'FUNCTION_UNAVAILABLE' });
    expect(hosts.pids).toEqual([]);
  });
});

test('a call that waits for a process is aborted by its signal', async () => {
  const blocking = call('wait', '60000', true).catch((thrown: unknown) => thrown);
  const abort = new AbortController();
  const waiting = hosts.invoke('echo', event('x'), { signal: abort.signal });
  abort.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'FUNCTION_UNAVAILABLE' });
  await hosts.stop();
  expect(await blocking).toMatchObject({ code: 'FUNCTION_UNAVAILABLE' });
});

test('a frozen process does not prevent the stop, and no file stays', async () => {
  const frozen = call('freeze').catch((thrown: unknown) => thrown);
  await call('wait', '10').catch(() => undefined);
  await hosts.stop();
  expect(await frozen).toMatchObject({ code: 'FUNCTION_UNAVAILABLE' });
  expect(hosts.pids).toEqual([]);
  expect(await readdir(home)).toEqual([]);
});

test('a program that cannot start fails the start with its reason', async () => {
  const program = fileURLToPath(new URL('../../tests/fixtures/no-such.worker.ts', import.meta.url));
  await expect(
    FunctionHosts.start({ env: parseEnv({ SLUICE_HOME: home }), log: SILENT_LOG, program }),
  ).rejects.toMatchObject({ code: 'SETUP_FAILED', message: expect.stringContaining('no-such.worker.ts') as string });
});
