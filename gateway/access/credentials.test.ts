import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseEnv } from '#shared/config/env.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import { oldLogin, openUsers, requireCredentials } from './credentials.ts';

const STRONG = '4f0c7b2e9d4a68351c55';

function check(variables: Record<string, string>): () => void {
  const home = mkdtempSync(join(tmpdir(), 'sluice-credentials-'));
  onTestFinished(() => rmSync(home, { recursive: true }));
  return () => requireCredentials(parseEnv({ HOST: '0.0.0.0', ...variables }), { home, log: SILENT_LOG });
}

test.each([
  [{ SLUICE_ADMIN_PASSWORD: 'admin' }, 'SLUICE_ADMIN_PASSWORD is the password of the user admin, but has fewer than'],
  [{ WEBHOOK_TOKEN: 'change-me' }, 'WEBHOOK_TOKEN is the password of the user admin, but has fewer than'],
  [{ SLUICE_ADMIN_PASSWORD: 'aaaaaaaaaaaaaaaaaaaa' }, 'repeated characters'],
])('rejects %j if other machines can reach the gateway', (variables, message) => {
  expect(check(variables)).toThrow(message);
  expect(check({ ...variables, SLUICE_ENV: 'development' })).not.toThrow();
  expect(check({ ...variables, HOST: '127.0.0.1' })).not.toThrow();
});

test('warns while WEBHOOK_TOKEN is the password of admin', () => {
  const home = mkdtempSync(join(tmpdir(), 'sluice-credentials-'));
  onTestFinished(() => rmSync(home, { recursive: true }));
  const warning = (variables: Record<string, string>) => {
    const env = parseEnv({ HOST: '0.0.0.0', WEBHOOK_TOKEN: STRONG, ...variables });
    return oldLogin(env, openUsers(env, { home, log: SILENT_LOG }));
  };
  expect(warning({})).toMatch(/^The password of the user admin is WEBHOOK_TOKEN/);
  expect([warning({ SLUICE_ADMIN_PASSWORD: STRONG }), warning({ HOST: '127.0.0.1' })]).toEqual([undefined, undefined]);
});

test('accepts strong passwords beyond loopback, and requires one', () => {
  expect(check({ SLUICE_ADMIN_PASSWORD: STRONG })).not.toThrow();
  expect(check({ SLUICE_ADMIN_PASSWORD: STRONG, WEBHOOK_TOKEN: 'weak' })).not.toThrow();
  expect(check({ WEBHOOK_TOKEN: STRONG })).not.toThrow();
  expect(check({})).toThrow('nobody can log in');
});
