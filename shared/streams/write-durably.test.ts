import {
  chmodSync,
  chownSync,
  mkdtempSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createDurably, writeDurably } from './write-durably.ts';

const isRoot = process.getuid?.() === 0;
const modeOf = (file: string) => (statSync(file).mode & 0o777).toString(8);

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'sluice durable #é '));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

test('replaces a file with the given mode, whatever the umask is', () => {
  const path = folder();
  const file = join(path, 'a b.json');
  writeFileSync(file, 'old', { mode: 0o600 });
  writeDurably(file, 'new', { mode: 0o666 });
  expect([readFileSync(file, 'utf8'), modeOf(file), readdirSync(path)]).toEqual(['new', '666', ['a b.json']]);
});

test('replaces what a killed process left, whatever its mode is', () => {
  const path = folder();
  const file = join(path, 'token');
  writeFileSync(join(path, '.token.new'), 'half');
  chmodSync(join(path, '.token.new'), 0o400);
  writeDurably(file, Buffer.from([0, 255]), { mode: 0o440 });
  expect([[...readFileSync(file)], modeOf(file), readdirSync(path)]).toEqual([[0, 255], '440', ['token']]);
});

test.runIf(isRoot)('gives the file to its owner', () => {
  const file = join(folder(), 'token');
  writeDurably(file, 'x', { mode: 0o400, owner: { uid: 1234, gid: 1235 } });
  const { uid, gid } = statSync(file);
  expect([uid, gid, modeOf(file)]).toEqual([1234, 1235, '400']);
  chownSync(file, 0, 0);
});

test('a file that cannot be replaced stays, and no part of the new one', () => {
  const path = folder();
  const file = join(path, 'occupied');
  mkdirSync(join(file, 'by a folder'), { recursive: true });
  expect(() => writeDurably(file, 'x')).toThrow(/rename/);
  expect([readdirSync(path), readdirSync(file)]).toEqual([['occupied'], ['by a folder']]);
});

test('creates a file once', () => {
  const path = folder();
  const file = join(path, 'key');
  createDurably(file, 'first', { mode: 0o600 });
  createDurably(file, 'second', { mode: 0o600 });
  expect([readFileSync(file, 'utf8'), modeOf(file), readdirSync(path)]).toEqual(['first', '600', ['key']]);
});
