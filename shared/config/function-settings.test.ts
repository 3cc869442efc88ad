import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseEnv } from './env.ts';
import { ownSettingsOf, withSettings } from './function-settings.ts';

const ENV = parseEnv({ STEP_TIMEOUT_SECONDS: '100' });

test('a function can have its own values of what stack.yml declares for it, except what all functions share', () => {
  const environment = { LOG_LEVEL: '', S3_ENDPOINT: 'http://minio:9000', OPENLINEAGE_URL: '', GEOMETRY_COLUMN: '' };
  expect(ownSettingsOf({ environment })).toEqual(['LOG_LEVEL', 'OPENLINEAGE_URL', 'OPENLINEAGE_API_KEY_FILE']);
  expect(ownSettingsOf({ environment: {} })).toEqual([]);
});

test('settings replace the values of the environment, and empty ones do not', () => {
  const env = withSettings(ENV, { LOG_LEVEL: 'debug', MAX_FILE_BYTES: '4096', RUN_STUCK_MINUTES: ' ' });
  expect(env).toEqual({ ...ENV, LOG_LEVEL: 'debug', MAX_FILE_BYTES: 4096 });
  expect(withSettings(ENV, {})).toEqual(ENV);
});

test('the value of a secret is read from its file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-settings-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'api key');
  writeFileSync(file, 's3cret\n');
  const settings = { OPENLINEAGE_URL: 'http://127.0.0.1:5000', OPENLINEAGE_API_KEY_FILE: file };
  expect(withSettings(ENV, settings)).toMatchObject({ OPENLINEAGE_API_KEY: 's3cret' });
});

test.each([
  [{ MAX_FILE_BYTES: '10 MB' }, /^MAX_FILE_BYTES must be a whole number from 1 to /],
  [{ LOG_LEVEL: 'loud' }, /^LOG_LEVEL must be one of /],
  [{ STEP_TIMEOUT_SECONDS: '101' }, /^STEP_TIMEOUT_SECONDS must be at most that of the gateway, 100\.$/],
  [{ OPENLINEAGE_URL: 'ftp://user:hidden@x' }, /^OPENLINEAGE_URL (?!.*hidden)/],
  [{ OPENLINEAGE_API_KEY_FILE: '/nowhere/é' }, /OPENLINEAGE_API_KEY_FILE is "\/nowhere\/é", but this file cannot be/],
])('rejects %j', (settings, message) => {
  expect(() => withSettings(ENV, settings as unknown as Record<string, string>)).toThrow(message);
});
