import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeSecret } from './secrets.ts';

test('replaces a secret, and the file that a killed process left', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-secrets-'));
  writeSecret(folder, { path: 'token', content: 'first' });
  writeFileSync(join(folder, '.token.new'), 'half');
  chmodSync(join(folder, '.token.new'), 0o600);
  writeSecret(folder, { path: 'token', content: 'second' });
  expect(readdirSync(folder)).toEqual(['token']);
  expect(readFileSync(join(folder, 'token'), 'utf8')).toBe('second');
  expect((statSync(join(folder, 'token')).mode & 0o777).toString(8)).toBe('444');
  rmSync(folder, { recursive: true });
});
