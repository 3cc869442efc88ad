import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { LogDestination } from './log-destination.ts';

/** A destination whose disk accepts `space` bytes, which the test can change. */
function onDisk(space: number) {
  const disk = { space, text: '', attempts: 0 };
  const onFailure = vi.fn<(message: string) => void>();
  const onRecovery = vi.fn<(dropped: number) => void>();
  const destination = new LogDestination({
    fd: -1,
    name: 'the log file /srv/größe.log',
    onFailure,
    onRecovery,
    retryMs: 1,
    write: (_fd, bytes, done) => {
      disk.attempts += 1;
      const written = Math.min(disk.space, bytes.length);
      disk.space -= written;
      disk.text += bytes.subarray(0, written).toString('latin1');
      const error = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      setImmediate(() => (written === 0 ? done(error, 0) : done(null, written)));
    },
  });
  return { disk, destination, onFailure, onRecovery };
}

test('completes a partly written line when the full disk has space again, and reports the failure once', async () => {
  const { disk, destination, onFailure, onRecovery } = onDisk(8);
  destination.write('line 1\n');
  destination.write('line 2\n');
  await vi.waitUntil(() => disk.attempts > 5);
  expect(disk.text).toBe('line 1\nl');
  expect(onRecovery).not.toHaveBeenCalled();
  disk.space = 1_000;
  await vi.waitUntil(() => onRecovery.mock.calls.length > 0);
  destination.write('line 3\n');
  await vi.waitUntil(() => disk.text.endsWith('line 3\n'));
  expect(disk.text).toBe('line 1\nline 2\nline 3\n');
  expect(onRecovery.mock.calls).toEqual([[0]]);
  expect(onFailure.mock.calls).toEqual([
    [
      'DISK_FULL: Could not write to the log file /srv/größe.log: the disk is full. ' +
        'Log lines are dropped until it can be written again.',
    ],
  ]);
});

test('keeps 1 MiB of lines while the disk is full, and counts the lines that it drops', async () => {
  const { disk, destination, onRecovery } = onDisk(0);
  const line = `${'x'.repeat(2 ** 10 - 1)}\n`;
  for (let index = 0; index < 1_500; index += 1) destination.write(line);
  disk.space = 2 ** 21;
  await vi.waitUntil(() => onRecovery.mock.calls.length > 0);
  await vi.waitUntil(() => disk.text.length === 2 ** 20);
  expect(onRecovery.mock.calls).toEqual([[476]]);
});

test('writes nothing more after the reader of a pipe has ended', async () => {
  const write = vi.fn((_fd: number, _bytes: Buffer, done: (error: NodeJS.ErrnoException | null, n: number) => void) =>
    setImmediate(() => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }), 0)),
  );
  const onFailure = vi.fn();
  const destination = new LogDestination({ fd: -1, name: 'standard error', onFailure, onRecovery: vi.fn(), write });
  destination.write('line 1\n');
  await vi.waitFor(() => {
    destination.write('line 2\n');
    expect(write).toHaveBeenCalledTimes(1);
  });
  destination.flushSync();
  expect(onFailure).not.toHaveBeenCalled();
});

/** Runs a module that creates a logger for `file`, and returns what it wrote to standard error. */
function runWithLog(file: string, body: string) {
  const script = `import { createLogger } from ${JSON.stringify(join(import.meta.dirname, 'log.ts'))};
    const log = createLogger({ LOG_LEVEL: 'info', LOG_FILE: ${JSON.stringify(file)} });
    ${body}`;
  return spawnSync('node', ['--input-type=module', '-e', script], { encoding: 'utf8' });
}

test('a process whose log is on a full disk continues, reports it once, and ends normally', () => {
  const body = `log.info('Run:Start:Done'); log.fatal('Sluice:Run:Failed'); console.log('reached the end');`;
  const { stdout, stderr, status } = runWithLog('/dev/full', body);
  expect(stdout).toBe('reached the end\n');
  expect(stderr).toMatch(/^DISK_FULL: Could not write to the log file \/dev\/full: the disk is full\..*\n$/);
  expect(status).toBe(0);
});

test('a process that exits writes the lines that it has logged', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice log #é '));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'new folder', 'sluice.log');
  runWithLog(file, `for (let n = 0; n < 3; n += 1) log.info({ n }, 'Run:Start:Done'); process.exit(0);`);
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  // The write that is in progress at the exit can end after the last one.
  expect(lines.map((line) => (JSON.parse(line) as { n: number }).n).sort()).toEqual([0, 1, 2]);
});

test('a log file that cannot be opened is an error that names the setting', () => {
  expect(runWithLog('/dev/null/sluice.log', '').stderr).toContain('LOG_FILE /dev/null/sluice.log cannot be opened');
});
