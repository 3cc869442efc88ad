import { expect, test } from 'vitest';
import { parseEnv } from '#shared/config/env.ts';
import { checkSettings } from './check-settings.ts';

const STRONG = 'c4f1%2Fe0b7a96d2385';
const SAFE = {
  FUNCTION_URL: 'http://{name}:8080',
  S3_ENDPOINT: 'http://minio:9000',
  S3_ACCESS_KEY_ID: 'gateway',
  S3_SECRET_ACCESS_KEY: STRONG,
  CONTROL_DATABASE_URL: `postgresql://sluice:${STRONG}@control/control`,
  POSTGIS_URL: `postgresql://sluice:${STRONG}@one/spatial postgresql://sluice:${STRONG}@two/spatial`,
  LEDGER_URL: `mongodb://sluice:${STRONG}@mongo/sluice?replicaSet=rs0`,
  WEBHOOK_TOKEN: STRONG,
};
const check = (variables: Record<string, string | undefined>) => () =>
  checkSettings(parseEnv({ ...SAFE, ...variables }));

test('accepts strong secrets, and URLs without a password', () => {
  expect(check({})).not.toThrow();
  expect(check({ CONTROL_DATABASE_URL: 'postgresql://sluice@control/control' })).not.toThrow();
});

test.each([
  ['in the query', 'postgresql://control/control?user=sluice&password=admin'],
  ['in the query, which replaces the one before the host', `postgresql://sluice:${STRONG}@control/db?password=admin`],
  ['before the host of a URL with a query', 'postgresql://sluice:admin@control/db?sslmode=require'],
  ['of several hosts', 'postgresql://sluice:admin@one,two/db'],
])('finds the password %s', (_where, url) => {
  expect(check({ CONTROL_DATABASE_URL: url })).toThrow(
    'The secrets are not safe: The password in CONTROL_DATABASE_URL has fewer than 16 characters.',
  );
});

test('a password ends before the last @, and can be in the query', () => {
  expect(check({ CONTROL_DATABASE_URL: `postgresql://sluice:p@${STRONG}@control/control` })).not.toThrow();
  expect(check({ CONTROL_DATABASE_URL: `postgresql://control/db?user=a@b&password=${STRONG}` })).not.toThrow();
});

test('names every missing variable', () => {
  expect(check({ FUNCTION_URL: undefined, POSTGIS_URL: '' })).toThrow(
    'The gateway cannot start without FUNCTION_URL, POSTGIS_URL. Set each of them.',
  );
});

test('with a broker, accepts settings without queue and functions, and rejects those of a queue', () => {
  const broker = { K_SINK: 'http://broker-ingress/sluice/default', FUNCTION_URL: undefined };
  const withoutQueue = { ...broker, CONTROL_DATABASE_URL: undefined };
  expect(check(withoutQueue)).not.toThrow();
  expect(check({ ...withoutQueue, LEDGER_URL: undefined, MONGO_CONNECTION_STRING: SAFE.LEDGER_URL })).not.toThrow();
  expect(check({ ...withoutQueue, LEDGER_URL: undefined, WEBHOOK_TOKEN: undefined })).toThrow(
    'The gateway cannot start without LEDGER_URL, WEBHOOK_TOKEN. Set each of them.',
  );
  expect(check(broker)).toThrow(
    'K_SINK and CONTROL_DATABASE_URL are both set. Remove K_SINK to deliver events from the queue in PostgreSQL, or ' +
      'CONTROL_DATABASE_URL to publish them to the Knative broker.',
  );
});

test('names every weak secret in one sentence, without the secret', () => {
  const weak = {
    S3_SECRET_ACCESS_KEY: 'minioadmin',
    WEBHOOK_TOKEN: 'change-me-change-me',
    POSTGIS_URL: `${SAFE.CONTROL_DATABASE_URL} postgresql://sluice:passwordpassword1@two/spatial`,
    LEDGER_URL: 'mongodb://root:aaaa%61aaaaaaaaaaa@mongo/sluice',
  };
  expect(check(weak)).toThrow(
    'The secrets are not safe: The password in LEDGER_URL consists of common words or repeated characters; The ' +
      'password in POSTGIS_URL consists of common words or repeated characters; S3_SECRET_ACCESS_KEY has fewer than 16 characters; ' +
      'WEBHOOK_TOKEN consists of common words or repeated characters. Generate secrets with "openssl rand -hex 20", ' +
      'or set SLUICE_ENV=development on a machine that nobody else can reach.',
  );
  expect(check({ ...weak, SLUICE_ENV: 'development' })).not.toThrow();
});
