import { expect, test } from 'vitest';
import { defaultGdalMemory, defaultPostgresMemory, parseEnv } from './env.ts';

const ARNS = 'must be a comma-separated list of ARNs such as arn:minio:sqs::SLUICE_QUEUED:webhook';
const GEOMETRY =
  'must be a column name of at most 63 bytes that is not reserved ' +
  '(sluice…, bbox, tableoid, xmin, cmin, xmax, cmax, ctid)';
const BUCKET =
  'must be a bucket name: 3 to 63 lowercase letters, digits, hyphens and dots, with a letter or digit before and ' +
  'after each dot, and not an IP address';

test.each<[string, string, string]>([
  ['PORT', 'abc', 'must be a whole number from 0 to 65535'],
  ['PORT', '70000', 'must be a whole number from 0 to 65535'],
  ['S3_EMBEDDED_PORT', '-1.5', 'must be a whole number from 0 to 65535'],
  ['RETRY_LIMIT', '0', 'must be a whole number from 1 to 100'],
  ['CORES', '1025', 'must be a whole number from 1 to 1024'],
  ['STEP_TIMEOUT_SECONDS', '86400', 'must be a whole number from 1 to 84600'],
  ['GDAL_MEMORY_BYTES', '1024', 'must be a whole number from 33554432 to 70368744177664'],
  ['LOG_LEVEL', 'loud é', 'must be one of trace, debug, info, warn, error, silent'],
  ['SLUICE_URL', 'localhost:8080', 'must be a URL such as http://127.0.0.1:8080'],
  ['S3_ENDPOINT', 'http://127.0.0.1:9000?x=1', 'must be a URL such as http://127.0.0.1:8080'],
  ['FUNCTION_URL', 'http://functions:8080', 'must be a URL with {name}, such as http://{name}:8080'],
  ['HOST', 'http://127.0.0.1', 'must be an IP address or a host name, such as 127.0.0.1'],
  ['SLUICE_HOME', '/tmp/..', 'must be a folder other than the root folder'],
  ['S3_ACCESS_KEY_ID', 'a/b', 'must not contain the characters / , and ='],
  ['S3_NOTIFICATION_ARNS', 'arn:minio:sqs::A:webhook,', ARNS],
  ['GEOMETRY_COLUMN', 'Bbox', GEOMETRY],
  ['GEOMETRY_COLUMN', 'sluice~key', GEOMETRY],
  ['GEOMETRY_COLUMN', 'ä'.repeat(32), GEOMETRY],
  ...['../x', 'ab', 'Landing', 'a..b', '-ab', 'a_b', '192.168.0.1', 'a'.repeat(64), 'größe', 'a/b'].map(
    (name): [string, string, string] => ['LANDING_BUCKET', name, BUCKET],
  ),
  ['MANIFEST_ROUTER_ENABLED_LANES', 'ingest,rasters', 'must be a comma-separated list of ingest, tabular and join'],
])('rejects %s=%s and names the value and the rule', (name, value, rule) => {
  const problem = `${name} is ${JSON.stringify(value)}, but ${rule}`;
  expect(() => parseEnv({ [name]: value })).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: `The environment is invalid: ${problem}. .env.example lists every variable.`,
      details: { issues: [problem] },
    }),
  );
});

test.each([
  ['K_SINK', 'http://zoë:ge%20heim@broker.example/ns/default'],
  ['S3_ENDPOINT', 'https://zoë@minio.example'],
  ['FUNCTION_URL', 'http://zoë:geheim@{name}:8080'],
])('rejects a user in %s without repeating the URL', (name, value) => {
  const problem = `${name} must not contain a user or password, because URLs are logged`;
  expect(() => parseEnv({ [name]: value })).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', details: { issues: [problem] } }),
  );
});

test('names every invalid variable; an empty variable counts as not set', () => {
  expect(() => parseEnv({ PORT: 'x', CORES: 'many' })).toThrow(/PORT is "x".*; CORES is "many"/);
  expect(parseEnv({ PORT: ' ', SLUICE_URL: '' })).toEqual(parseEnv({}));
});

test.each(['x=%ff', 'x=%c3', 'x=%', 'x=a%0Ab', 'a=b,x=%E2%82%AC', 'a=b,', 'x'])(
  'rejects OTEL_EXPORTER_OTLP_HEADERS=%s without its value',
  (list) => {
    const rule = 'must be a list such as authorization=Bearer%20TOKEN,x-scope=gis, with percent-encoded values';
    const problem = `OTEL_EXPORTER_OTLP_HEADERS ${rule}`;
    expect(() => parseEnv({ OTEL_EXPORTER_OTLP_HEADERS: list })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', details: { issues: [problem] } }),
    );
  },
);

test('limits a GDAL program to half of the memory of the machine or container, from 1 to 8 GiB', () => {
  const gib = 2 ** 30;
  expect(defaultGdalMemory(64 * gib, undefined)).toBe(8 * gib);
  expect(defaultGdalMemory(64 * gib, 2 ** 63)).toBe(8 * gib);
  expect(defaultGdalMemory(64 * gib, 6 * gib)).toBe(3 * gib);
  expect(defaultGdalMemory(8 * gib, 0)).toBe(4 * gib);
  expect(defaultGdalMemory(gib, undefined)).toBe(gib);
});

test.each([
  [
    'the same bucket twice',
    { LANDING_BUCKET: 'x-y.z', LAKE_BUCKET: 'x-y.z' },
    'LAKE_BUCKET is "x-y.z", but must differ from LANDING_BUCKET',
  ],
  ['one port for two servers', { PORT: '9000' }, 'S3_EMBEDDED_PORT is "9000", but must differ from PORT'],
  [
    'an access key without secret',
    { S3_ACCESS_KEY_ID: 'AK' },
    'S3_SECRET_ACCESS_KEY is not set, but must be set together with S3_ACCESS_KEY_ID',
  ],
  [
    'a secret without access key',
    { S3_SECRET_ACCESS_KEY: 'secret-key' },
    'S3_ACCESS_KEY_ID is not set, but must be set together with S3_SECRET_ACCESS_KEY',
  ],
  [
    'an object store without keys',
    { S3_ENDPOINT: 'http://minio:9000' },
    'S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY are not set, but must be set together with S3_ENDPOINT',
  ],
  [
    'a short secret of the embedded store',
    { S3_ACCESS_KEY_ID: 'AK', S3_SECRET_ACCESS_KEY: 'S3RVER' },
    'S3_SECRET_ACCESS_KEY must have at least 8 characters for the embedded object store',
  ],
  [
    'scratch files beside the data',
    { SLUICE_HOME: '/data/sluice', SCRATCH_DIR: '/data/x/..' },
    'SCRATCH_DIR is "/data/x/..", but must not contain SLUICE_HOME',
  ],
  [
    'a first delay above the longest',
    { RETRY_DELAY_SECONDS: '61' },
    'RETRY_DELAY_SECONDS is "61", but must be at most RETRY_DELAY_MAX_SECONDS (60)',
  ],
  [
    'a key of no server',
    { OPENLINEAGE_API_KEY: 'x' },
    'OPENLINEAGE_URL is not set, but must be set together with OPENLINEAGE_API_KEY',
  ],
  [
    'functions that cannot post events',
    { FUNCTION_URL: 'http://{name}:8080', HOST: '0.0.0.0' },
    'WEBHOOK_TOKEN is not set, but must be set together with FUNCTION_URL if HOST is "0.0.0.0"',
  ],
])('rejects %s', (_what, variables, problem) => {
  expect(() => parseEnv(variables)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', details: { issues: [problem] } }),
  );
});

test('accepts unusual valid settings', () => {
  expect(parseEnv({ SLUICE_URL: 'http://gateway.example/@sluice' }).SLUICE_URL).toBe('http://gateway.example/@sluice');
  const variables = {
    HOST: '::1',
    PORT: '0',
    S3_EMBEDDED_PORT: '0',
    LANDING_BUCKET: 'a.b-c.1',
    SCRATCH_DIR: 'größe #1',
    GEOMETRY_COLUMN: 'Géométrie 1',
    FUNCTION_URL: 'https://{name}.functions.example/x',
    POSTGIS_URL: 'postgresql://postgres@/spatial?host=/tmp/sluice socket'.replace(' ', '%20'),
  };
  expect(parseEnv(variables)).toMatchObject({ ...variables, PORT: 0, S3_EMBEDDED_PORT: 0 });
});

test.each([
  ['S3_SECRET_ACCESS_KEY', 'geheim é'],
  ['WEBHOOK_TOKEN', 'two words'],
  ['CONTROL_DATABASE_URL', 'mysql://user:geheim@host/db'],
  ['POSTGIS_URL', 'postgresql://user:geheim@host/db,postgresql://user:geheim@other/db'],
])('does not repeat the value of %s', (name, value) => {
  expect(() => parseEnv({ [name]: value })).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.not.stringContaining(value) as string }),
  );
});

test.each([
  'postgresql://ana:geheim@host1,host2/db',
  'postgresql://host1:5432,host2:5432/db',
  'postgresql://host1/db postgresql://host2,host3/db',
  'postgresql://host1/db mysql://host2/db',
  'postgresql://host1/db host2',
])('rejects the servers %s', (urls) => {
  expect(() => parseEnv({ POSTGIS_URL: urls })).toThrow(
    /POSTGIS_URL must be a URL such as postgresql:.*, or several separated by spaces/,
  );
});

test('accepts several servers, and commas in a password', () => {
  const urls = 'postgresql://ana:a,b@host1/db postgresql://ana@host2:5433/db?options=a,b';
  expect(parseEnv({ POSTGIS_URL: ` ${urls}\n` }).POSTGIS_URL).toBe(urls);
});

test('limits a PostgreSQL process to its share of the memory of the machine or container, from 1.5 GiB', () => {
  const gib = 2 ** 30;
  expect(defaultPostgresMemory(64 * gib, undefined, 16)).toBe(4 * gib);
  expect(defaultPostgresMemory(24 * gib, 0, 2)).toBe(6 * gib);
  expect(defaultPostgresMemory(64 * gib, 8 * gib, 2)).toBe(2 * gib);
  expect(defaultPostgresMemory(4 * gib, undefined, 8)).toBe(1.5 * gib);
});
