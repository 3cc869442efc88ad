import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { mountSmallDisk } from '../../tests/small-disk.ts';
import { lockFolder, prepareHome } from './home-folder.ts';

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'sluice home #é '));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

test('creates the folder and leaves no test file', () => {
  const home = join(folder(), 'new', '.sluice');
  prepareHome(home);
  expect(readdirSync(home)).toEqual([]);
});

test('rejects a file, and a folder below a file', () => {
  const file = join(folder(), 'größe');
  writeFileSync(file, '');
  for (const home of [file, join(file, '.sluice')])
    expect(() => prepareHome(home)).toThrow(
      `${home} (SLUICE_HOME) must be a folder, but ${file} is a file. Remove it, ` +
        'or set SLUICE_HOME to another folder.',
    );
});

test.skipIf(process.getuid?.() === 0)('rejects a folder without permission (needs a user other than root)', () => {
  const home = folder();
  chmodSync(home, 0o500);
  expect(() => prepareHome(home)).toThrow(`${home} (SLUICE_HOME) is not writable for this user.`);
});

test('rejects a read-only file system, even if the folder does not exist', ({ skip }) => {
  const disk = mountSmallDisk(1, { readOnly: true }) ?? skip('mount is not permitted');
  for (const home of [disk.folder, join(disk.folder, 'new', '.sluice')])
    expect(() => prepareHome(home)).toThrow(
      `${home} (SLUICE_HOME) is on a read-only file system. Make the file system writable, ` +
        'or set SLUICE_HOME to another folder.',
    );
});

test('rejects a full disk and leaves no test file', ({ skip }) => {
  const disk = mountSmallDisk(1) ?? skip('mount is not permitted');
  disk.fill();
  const home = join(disk.folder, '.sluice');
  expect(() => prepareHome(home)).toThrow(
    `${home} (SLUICE_HOME) is on a full disk. Free disk space, or set SLUICE_HOME to another folder.`,
  );
  disk.empty();
  expect(existsSync(home) ? readdirSync(home) : []).toEqual([]);
  prepareHome(home);
});

describe('the lock of a folder', () => {
  test('is free after a release, and after the end of the process that held it', () => {
    const root = folder();
    const file = join(root, 'a.lock');
    lockFolder(file, 'Sluice').release();
    writeFileSync(file, JSON.stringify({ owner: 'another host/boot/1/1', pid: 1 }));
    expect(() => lockFolder(file, 'Sluice', 'http://127.0.0.1:8080')).toThrow('process 1)');
    const dead = lockFolder(join(root, 'b.lock'), 'Sluice');
    const holder = JSON.parse(readFileSync(join(root, 'b.lock'), 'utf8')) as { owner: string };
    dead.release();
    writeFileSync(file, JSON.stringify({ owner: holder.owner.replace(/\/[^/]*$/, '/1'), pid: process.pid })); // Same process id, other start time.
    lockFolder(file, 'Sluice').release();
    expect(() => readFileSync(file)).toThrow('ENOENT');
  });

  test('is replaced if it is incomplete', () => {
    const file = join(folder(), 'c.lock');
    writeFileSync(file, '{"owner":');
    const lock = lockFolder(file, 'Sluice');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toHaveProperty('owner');
    lock.release();
  });
});
