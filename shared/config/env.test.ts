import { expect, test } from 'vitest';
import { defaultGdalMemory, parseEnv } from './env.ts';

test.each([
  ['PORT', 'abc', 'must be a whole number from 0 to 65535'],
  ['PORT', '70000', 'must be a whole number from 0 to 65535'],
  ['S3_EMBEDDED_PORT', '-1.5', 'must be a whole number from 0 to 65535'],
  ['RETRY_LIMIT', '0', 'must be a whole number, 1 or more'],
  ['LOG_LEVEL', 'loud é', 'must be one of trace, debug, info, warn, error, silent'],
  ['SLUICE_URL', 'localhost:8080', 'must be a URL such as http://127.0.0.1:8080'],
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

test('names every invalid variable; an empty variable counts as not set', () => {
  expect(() => parseEnv({ PORT: 'x', CORES: 'many' })).toThrow(/PORT is "x".*; CORES is "many"/);
  expect(parseEnv({ PORT: ' ', SLUICE_URL: '' })).toEqual(parseEnv({}));
});

test('limits a GDAL program to half of the memory of the machine or container, from 1 to 8 GiB', () => {
  const gib = 2 ** 30;
  expect(defaultGdalMemory(64 * gib, undefined)).toBe(8 * gib);
  expect(defaultGdalMemory(64 * gib, 2 ** 63)).toBe(8 * gib);
  expect(defaultGdalMemory(64 * gib, 6 * gib)).toBe(3 * gib);
  expect(defaultGdalMemory(8 * gib, 0)).toBe(4 * gib);
  expect(defaultGdalMemory(gib, undefined)).toBe(gib);
});
