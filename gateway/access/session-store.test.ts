import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { keyOfFile } from './session-store.ts';

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'sluice key #é '));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

test('the key is generated once, and only its owner can read it', () => {
  const path = folder();
  const file = join(path, 'session-key');
  const key = keyOfFile(file);
  expect([key.length, keyOfFile(file)]).toEqual([32, key]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(path)).toEqual(['session-key']);
});

test.each([0, 31, 33])('rejects a key of %i bytes, because others could compute it', (length) => {
  const file = join(folder(), 'session-key');
  writeFileSync(file, Buffer.alloc(length));
  expect(() => keyOfFile(file)).toThrow(`in ${file} has ${length} bytes instead of 32. Delete the file.`);
});
