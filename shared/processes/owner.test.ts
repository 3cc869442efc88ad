import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { isDead, isDeadOnThisMachine, OWNER } from './owner.ts';

const [host = '', boot = '', namespace = '', pid = '', start = ''] = OWNER.split('/');
/** Greater than any process id of Linux. */
const NO_PROCESS = String(2 ** 22 + 1);

test('this process is alive', () => {
  expect(isDead(OWNER)).toBe(false);
});

test.each([
  ['a process that does not exist', [host, boot, namespace, NO_PROCESS, start]],
  ['an earlier process with the id of this one', [host, boot, namespace, pid, '1']],
])('%s has ended', (_case, parts) => {
  expect(isDead(parts.join('/'))).toBe(true);
});

test.each([
  ['another machine', ['other-host', boot, namespace, NO_PROCESS, start]],
  ['another machine of the same name, or this one before a reboot', [host, 'other-boot', namespace, NO_PROCESS, start]],
  ['a container with the host name of this one', [host, boot, 'pid:[1]', NO_PROCESS, start]],
  ['a release without the PID namespace', [host, boot, NO_PROCESS, start]],
  ['an unknown form', ['größe']],
])('whether an owner of %s has ended is unknown', (_case, parts) => {
  expect(isDead(parts.join('/'))).toBe(false);
});

test.each([
  ['an owner of an earlier boot', [host, 'other-boot', namespace, pid, start], true],
  ['an ended owner in the form of earlier releases', [host, boot, NO_PROCESS, start], true],
  ['this process in the form of earlier releases', [host, boot, pid, start], false],
  ['this process', [host, boot, namespace, pid, start], false],
  ['an owner in another container', [host, boot, 'pid:[1]', NO_PROCESS, start], false],
  ['an owner on another machine', ['other-host', 'other-boot', namespace, NO_PROCESS, start], false],
])('of the owners of a local file, %s has ended: %j → %j', (_case, parts, dead) => {
  expect(isDeadOnThisMachine(parts.join('/'))).toBe(dead);
});

test('a killed process is reported as ended', async () => {
  const child = execa(process.execPath, ['-e', PRINT_OWNER], { reject: false });
  const [owner = ''] = (await firstLine(child.stdout)).split(' ');
  expect(isDead(owner)).toBe(false);
  child.kill('SIGKILL');
  await child;
  expect(isDead(owner)).toBe(true);
});

const canUnshare = spawnSync('unshare', ['--pid', '--fork', '--mount-proc', 'true']).status === 0;
describe.runIf(canUnshare)('in another PID namespace (needs unshare --pid as root)', () => {
  test('a process of another namespace is not reported as ended, and does not report this process as ended', async () => {
    const program = ['--pid', '--fork', '--kill-child', '--mount-proc', process.execPath, '-e', PRINT_OWNER, OWNER];
    const child = execa('unshare', program, { reject: false });
    const [owner = '', judgedDead] = (await firstLine(child.stdout)).split(' ');
    expect(owner.split('/').slice(0, 2)).toEqual([host, boot]);
    expect(owner.split('/')[2]).not.toBe(namespace);
    expect([judgedDead, isDead(owner)]).toEqual(['false', false]);
    child.kill('SIGKILL');
    await child;
    expect(isDead(owner)).toBe(false);
  });
});

/** Prints the owner of a new process, and whether it reports the owner in its argument as ended; then waits. */
const PRINT_OWNER = `
  const { isDead, OWNER } = await import(${JSON.stringify(new URL('./owner.ts', import.meta.url).href)});
  console.log(OWNER, isDead(process.argv[1] ?? ''));
  setInterval(() => undefined, 1000);`;

async function firstLine(stream: NodeJS.ReadableStream): Promise<string> {
  const [chunk] = (await once(stream, 'data')) as [Buffer | string];
  return String(chunk).split('\n')[0] ?? '';
}
