import { expect, test } from 'vitest';
import { parseEnv } from '#shared/config/env.ts';
import { readSetupSettings } from './setup-settings.ts';

const VARIABLES = {
  S3_ENDPOINT: 'http://minio:9000',
  S3_ADMIN_ACCESS_KEY_ID: 'root-of-minio',
  S3_ADMIN_SECRET_ACCESS_KEY: '1f0c7b2e9d4a6835',
  S3_UPLOADER_ACCESS_KEY_ID: 'ana',
  S3_UPLOADER_SECRET_ACCESS_KEY: '2f0c7b2e9d4a6835',
  S3_PIPELINE_ACCESS_KEY_ID: 'functions',
  S3_PIPELINE_SECRET_ACCESS_KEY: '3f0c7b2e9d4a6835',
  WEBHOOK_TOKEN: '4f0c7b2e9d4a6835',
};

function settingsOf(variables: Record<string, string>) {
  const { admin, users } = readSetupSettings(parseEnv({ ...VARIABLES, ...variables }));
  return {
    admin: admin.S3_ACCESS_KEY_ID,
    users: Object.fromEntries([...users].map(([role, key]) => [role, key.accessKeyId])),
  };
}

function problemOf(variables: Record<string, string>): unknown {
  try {
    return settingsOf(variables);
  } catch (thrown) {
    return thrown;
  }
}

test('the administrator sets up; the gateway gets a key of its own only if one is given', () => {
  expect(settingsOf({})).toEqual({ admin: 'root-of-minio', users: { uploader: 'ana', pipeline: 'functions' } });
  const gateway = { S3_GATEWAY_ACCESS_KEY_ID: 'gateway', S3_GATEWAY_SECRET_ACCESS_KEY: '5f0c7b2e9d4a6835' };
  expect(settingsOf(gateway).users).toEqual({ uploader: 'ana', pipeline: 'functions', gateway: 'gateway' });
});

test('the key of this installation is that of the pipeline, unless it is the key of another role', () => {
  const own = {
    S3_PIPELINE_ACCESS_KEY_ID: '',
    S3_PIPELINE_SECRET_ACCESS_KEY: '',
    S3_SECRET_ACCESS_KEY: '6f0c7b2e9d4a6835',
  };
  expect(settingsOf({ ...own, S3_ACCESS_KEY_ID: 'own' }).users).toEqual({ uploader: 'ana', pipeline: 'own' });
  expect(problemOf({ ...own, S3_ACCESS_KEY_ID: 'ana' })).toMatchObject({
    details: { problems: ['S3_PIPELINE_ACCESS_KEY_ID is not set'] },
  });
});

test('names every missing and weak secret in one sentence, without the secret', () => {
  const error = problemOf({
    S3_ADMIN_SECRET_ACCESS_KEY: 'minioadmin',
    S3_UPLOADER_ACCESS_KEY_ID: '',
    S3_UPLOADER_SECRET_ACCESS_KEY: '',
    S3_PIPELINE_SECRET_ACCESS_KEY: 'changeme-changeme',
    WEBHOOK_TOKEN: '',
  });
  expect(error).toMatchObject({
    code: 'CONFIG_INVALID',
    message:
      'The secrets are not safe: S3_UPLOADER_ACCESS_KEY_ID is not set; WEBHOOK_TOKEN is not set; ' +
      'S3_ADMIN_SECRET_ACCESS_KEY has fewer than 16 characters; S3_PIPELINE_SECRET_ACCESS_KEY consists of common words ' +
      'or repeated characters. Generate secrets with "openssl rand -hex 20", or set SLUICE_ENV=development on a machine ' +
      'that nobody else can reach.',
  });
});

test('accepts missing and weak secrets in development, and then sets up with S3_ACCESS_KEY_ID', () => {
  const variables = {
    SLUICE_ENV: 'development',
    S3_ENDPOINT: 'http://127.0.0.1:9000',
    S3_ACCESS_KEY_ID: 'minioadmin',
    S3_SECRET_ACCESS_KEY: 'minioadmin',
  };
  const { admin, users } = readSetupSettings(parseEnv(variables));
  expect([admin.S3_ACCESS_KEY_ID, users.size]).toEqual(['minioadmin', 0]);
});

test.each([
  [
    'pipeline',
    { S3_PIPELINE_ACCESS_KEY_ID: 'ana' },
    'The pipeline has the same access key ana as the uploader. Use a separate key for each.',
  ],
  [
    'uploader',
    { S3_UPLOADER_ACCESS_KEY_ID: 'root-of-minio' },
    'The uploader has the same access key root-of-minio as the administrator. Use a separate key for each.',
  ],
])('rejects a key of the %s that another role has', (_role, variables, message) => {
  expect(problemOf(variables)).toMatchObject({ code: 'CONFIG_INVALID', message });
});

test('needs an endpoint', () => {
  expect(problemOf({ S3_ENDPOINT: '' })).toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('S3_ENDPOINT is not set') as string,
  });
});
