import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseEnv } from '#shared/config/env.ts';
import { parseStack } from '#shared/config/stack.ts';
import { gdalDown, type GdalHealth } from '#shared/gdal/health.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import { gatherGdalHealth } from './gdal-health.ts';

const HEALTH: GdalHealth = { ...gdalDown(undefined), status: 'ok', error: undefined, gdal_version: '3.6.2' };
const stack = parseStack(
  'functions: {a: {annotations: {sluice.needs: gdal}}, b: {annotations: {sluice.needs: gdal}}, c: {annotations: ' +
    '{sluice.needs: ledger}}, d: {annotations: {sluice.needs: gdal}}}',
);
const server = createServer((request, response) => {
  if (request.url === '/function/a/health/gdal') response.end(JSON.stringify(HEALTH));
  else if (request.url === '/function/b/health/gdal') response.end('<html>no JSON');
  else response.destroy();
});
beforeAll(() => once(server.listen(0, '127.0.0.1'), 'listening'));
afterAll(() => server.close());

test('gathers the health of each function that uses GDAL, from its container', async () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/function/{name}`;
  const env = parseEnv({ FUNCTION_URL: `${url}/` });
  const healths = await gatherGdalHealth({ env, stack, log: SILENT_LOG });
  expect(Object.keys(healths)).toEqual(['a', 'b', 'd']);
  expect(healths.a).toMatchObject({ status: 'ok', gdal_version: '3.6.2' });
  const failed = (name: string) =>
    `Could not read the health of GDAL of ${name} at ${url.replace('{name}', name)}/health/gdal: `;
  expect(healths.b).toMatchObject({ status: 'down', error: expect.stringContaining(failed('b')) as string });
  expect(healths.d).toMatchObject({ status: 'down', error: expect.stringContaining(failed('d')) as string });
});

test('without FUNCTION_URL, all functions use the GDAL of this machine', async () => {
  const healths = await gatherGdalHealth({ env: parseEnv({}), stack, log: SILENT_LOG });
  expect(Object.keys(healths)).toEqual(['a', 'b', 'd']);
  expect(healths.a?.gdal_version).toMatch(/^3\./);
  expect(healths.b).toEqual(healths.a);
});
