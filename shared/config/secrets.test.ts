import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { parseEnv } from './env.ts';
import { weakSecretProblem } from './secrets.ts';

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

test.each([
  ['minioadmin', 'has fewer than 16 characters'],
  ['minioadminminioadmin', 'consists of common words or repeated characters'],
  ['change-me-change-me', 'consists of common words or repeated characters'],
  ['Password123456789', 'consists of common words or repeated characters'],
  ['your-secret-access-key', 'consists of common words or repeated characters'],
  ['abcabcabcabcabcabcabc', 'consists of common words or repeated characters'],
  ['0000000000000000000000', 'consists of common words or repeated characters'],
  ['xx-pipeline-73af-b0c2', 'contains its access key'],
])('%s is weak: it %s', (secret, problem) => {
  expect(weakSecretProblem(secret, 'Pipeline')).toBe(problem);
});

test.each(['9b2f61c07ae84d35', 'p+/=&%"\\<>#?;:|$`~!@9', 'correct horse battery staple', 'K7MDENG/bPxRfiCYEXAMPLE'])(
  '%s is not weak',
  (secret) => {
    expect(weakSecretProblem(secret, 'pipeline')).toBeUndefined();
  },
);
