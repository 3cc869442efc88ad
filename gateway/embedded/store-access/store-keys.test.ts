import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseEnv } from '#shared/config/env.ts';
import { embeddedStoreKeys } from './store-keys.ts';

function home(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice keys #é '));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const NO_KEYS = parseEnv({});

test('the first start generates keys that only the owner can read, and later starts read them', () => {
  const folder = home();
  const keys = embeddedStoreKeys(NO_KEYS, folder);
  expect(keys).toEqual({
    accessKeyId: expect.stringMatching(/^SLUICE[0-9A-F]{14}$/) as string,
    secretAccessKey: expect.stringMatching(/^[\w-]{40}$/) as string,
  });
  expect(readdirSync(folder)).toEqual(['s3-credentials']);
  expect(statSync(join(folder, 's3-credentials')).mode & 0o777).toBe(0o600);
  expect(embeddedStoreKeys(NO_KEYS, folder)).toEqual(keys);
  expect(embeddedStoreKeys(NO_KEYS, home())).not.toEqual(keys);
});

test('the file has the format of the AWS command line, even when a person has edited it', () => {
  const folder = home();
  const { accessKeyId, secretAccessKey } = embeddedStoreKeys(NO_KEYS, folder);
  const file = join(folder, 's3-credentials');
  expect(readFileSync(file, 'utf8').split('\n').slice(1)).toEqual([
    '[default]',
    `aws_access_key_id = ${accessKeyId}`,
    `aws_secret_access_key = ${secretAccessKey}`,
    '',
  ]);
  writeFileSync(file, '[default]\naws_access_key_id=AK\naws_secret_access_key=geheim/+=\n');
  chmodSync(file, 0o644);
  expect(embeddedStoreKeys(NO_KEYS, folder)).toEqual({ accessKeyId: 'AK', secretAccessKey: 'geheim/+=' });
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('the keys of the environment are used instead, and no file is written', () => {
  const folder = home();
  const env = parseEnv({ S3_ACCESS_KEY_ID: 'AK', S3_SECRET_ACCESS_KEY: 'secret-key' });
  expect(embeddedStoreKeys(env, folder)).toEqual({ accessKeyId: 'AK', secretAccessKey: 'secret-key' });
  expect(readdirSync(folder)).toEqual([]);
});

test('an incomplete file, and a folder that cannot be written, are SETUP_FAILED with the path', () => {
  const folder = home();
  const file = join(folder, 's3-credentials');
  writeFileSync(file, '[default]\naws_access_key_id = AK\n');
  expect(() => embeddedStoreKeys(NO_KEYS, folder)).toThrow(
    expect.objectContaining({
      code: 'SETUP_FAILED',
      message: `${file} contains no keys of the object store. Delete it; the next start generates new keys.`,
    }),
  );
  const missing = join(folder, 'missing');
  expect(() => embeddedStoreKeys(NO_KEYS, missing)).toThrow(
    expect.objectContaining({ code: 'SETUP_FAILED', details: { file: join(missing, 's3-credentials') } }),
  );
});
