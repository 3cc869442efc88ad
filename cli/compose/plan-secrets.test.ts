import { expect, test } from 'vitest';
import { parseEnv } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { developmentSecret, generateSecrets, planSecrets, SECRETS } from './plan-secrets.ts';

const generated = Object.fromEntries(
  generateSecrets()
    .trimEnd()
    .split('\n')
    .map((line) => line.split('=', 2) as [string, string]),
);

function messageOf(variables: Record<string, string>): string {
  try {
    planSecrets(variables);
    return '';
  } catch (thrown) {
    return thrown instanceof SluiceError ? thrown.message : String(thrown);
  }
}

const contentOf = (variables: Record<string, string>, path: string) =>
  planSecrets(variables).files.find((file) => file.path === path)?.content;

test('generated secrets are accepted in production, and differ from each other', () => {
  expect(generated.SLUICE_ENV).toBe('production');
  expect(planSecrets(generated).defaults).toEqual([]);
  expect(new Set(Object.values(generated)).size).toBe(SECRETS.length + 1);
});

test('production names every missing, weak and public secret in one sentence, without the secret', () => {
  const message = messageOf({
    ...generated,
    WEBHOOK_TOKEN: '',
    MONGO_PASSWORD: 'changeme-changeme',
    POSTGIS_PASSWORD: developmentSecret('POSTGIS_PASSWORD'),
    S3_UPLOADER_ACCESS_KEY_ID: 'ana',
    S3_UPLOADER_SECRET_ACCESS_KEY: '0f3b-ana-55d1-9c2e',
  });
  expect(message).toMatch(
    'The secrets in .env are not safe: S3_UPLOADER_SECRET_ACCESS_KEY contains its access key; WEBHOOK_TOKEN is not ' +
      'set; MONGO_PASSWORD consists of common words or repeated characters; POSTGIS_PASSWORD is a public password of ' +
      'development. ',
  );
  expect(message).not.toContain('changeme');
});

test.each(['production', 'test'])('SLUICE_ENV=%s requires every secret', (SLUICE_ENV) => {
  for (const name of SECRETS) expect(messageOf({ SLUICE_ENV })).toContain(`${name} is not set`);
});

test('without SLUICE_ENV, public passwords need an installation without secrets and for this machine only', () => {
  for (const PUBLIC_URL of ['', 'http://localhost:8080', 'http://127.0.0.1:8080/sluice', 'http://[::1]'])
    expect(planSecrets({ SLUICE_ENV: '', PUBLIC_URL }).defaults).toEqual(SECRETS);
  for (const PUBLIC_URL of ['https://lake.example.org', 'http://192.168.0.7', 'lake.example.org'])
    expect(messageOf({ SLUICE_ENV: '', PUBLIC_URL })).toMatch(
      /WEBHOOK_TOKEN is not set.* PUBLIC_URL is not set or is an address of/,
    );
  const { WEBHOOK_TOKEN = '', ...others } = generated;
  for (const name of SECRETS.filter((each) => each !== 'WEBHOOK_TOKEN'))
    expect(messageOf({ WEBHOOK_TOKEN })).toContain(`${name} is not set`);
  expect(messageOf({ ...others, SLUICE_ENV: '' })).toContain('are not safe: WEBHOOK_TOKEN is not set. ');
  expect(planSecrets({ ...generated, SLUICE_ENV: '', PUBLIC_URL: 'https://lake.example.org' }).defaults).toEqual([]);
  expect(planSecrets({ SLUICE_ENV: 'development', PUBLIC_URL: 'https://lake.example.org' }).defaults).toEqual(SECRETS);
});

test('development uses public passwords, and rejects only what a server rejects', () => {
  const development = { SLUICE_ENV: 'development' };
  expect(planSecrets(development).defaults).toEqual(SECRETS);
  expect(messageOf({ ...development, MONGO_PASSWORD: 'changeme', WEBHOOK_TOKEN: 'with space' })).toContain(
    'not safe: WEBHOOK_TOKEN contains spaces',
  );
  expect(messageOf({ ...development, POSTGIS_PASSWORD: 'short' })).toContain('has fewer than 8 characters');
});

test('URLs and settings contain special characters of passwords', () => {
  const password = 'p+/=&%"\\<>#?;:|$`~!@9';
  const variables = { ...generated, MONGO_PASSWORD: password, POSTGIS_PASSWORD: password, WEBHOOK_TOKEN: password };
  const env = parseEnv({
    LEDGER_URL: contentOf(variables, 'sluice-ledger-url/sluice-ledger-url'),
    POSTGIS_URL: contentOf(variables, 'sluice-postgis-url/sluice-postgis-url'),
  });
  for (const url of [env.LEDGER_URL, env.POSTGIS_URL])
    expect(decodeURIComponent(new URL(url ?? '').password)).toBe(password);
  expect(contentOf(variables, 'minio-secrets/config.env')).toContain(
    `MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_SLUICE_DIRECT="${password}"\n`,
  );
});

test('the password of admin is random without a variable, and stays the same', () => {
  const path = 'admin-secrets/password';
  const first = contentOf({}, path) ?? '';
  expect(first).toMatch(/^[\da-f]{40}$/);
  expect(contentOf({}, path)).not.toBe(first);
  const later = planSecrets({}, (name) => (name === path ? first : undefined));
  expect(later.files.find((file) => file.path === path)?.content).toBe(first);
  expect(contentOf({ ...generated, SLUICE_ADMIN_PASSWORD: 'a good long password' }, path)).toBe('a good long password');
  expect(messageOf({ ...generated, SLUICE_ADMIN_PASSWORD: 'admin' })).toContain(
    'SLUICE_ADMIN_PASSWORD has fewer than 16 characters',
  );
});
