import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { parseEnv } from './env.ts';

const folder = mkdtempSync(join(tmpdir(), 'geheim é '));
afterAll(() => rmSync(folder, { recursive: true }));

function secret(name: string, value: string): string {
  writeFileSync(join(folder, name), value);
  return join(folder, name);
}

test('reads a secret from a file, without the end of its last line', () => {
  const env = parseEnv({ WEBHOOK_TOKEN_FILE: secret('token', 'geheim-1\r\n'), LEDGER_URL_FILE: ' ' });
  expect([env.WEBHOOK_TOKEN, env.LEDGER_URL]).toEqual(['geheim-1', undefined]);
});

test('reads the key with the name of the secret from the folder of a Knative secret', () => {
  mkdirSync(join(folder, 'sluice-ledger-url'));
  secret('sluice-ledger-url/sluice-ledger-url', 'mongodb://u:p@m/sluice');
  expect(parseEnv({ LEDGER_URL_FILE: join(folder, 'sluice-ledger-url') }).LEDGER_URL).toBe('mongodb://u:p@m/sluice');
});

const missing = join(folder, 'none');
test.each([
  [
    { POSTGIS_URL_FILE: missing },
    `POSTGIS_URL_FILE is ${JSON.stringify(missing)}, but this file cannot be read (ENOENT)`,
  ],
  [{ WEBHOOK_TOKEN: 'a', WEBHOOK_TOKEN_FILE: missing }, 'WEBHOOK_TOKEN and WEBHOOK_TOKEN_FILE are set, but only one'],
  [
    { LEDGER_URL_FILE: secret('empty', '\n') },
    `LEDGER_URL_FILE is ${JSON.stringify(join(folder, 'empty'))}, but this f`,
  ],
])('rejects %j', (variables, message) => {
  expect(() => parseEnv(variables)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  expect(() => parseEnv(variables)).toThrow(message);
});

test('an error of a value from a file does not contain the value', () => {
  const LEDGER_URL_FILE = secret('ledger', 'mysql://u:geheim@m/x');
  expect(() => parseEnv({ LEDGER_URL_FILE })).toThrow(/LEDGER_URL must be a URL/);
  expect(() => parseEnv({ LEDGER_URL_FILE })).not.toThrow(/geheim@/);
});
