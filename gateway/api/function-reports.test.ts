import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseEnv } from '#shared/config/env.ts';
import { parseStack } from '#shared/config/stack.ts';
import { SLUICE_VERSION } from '#shared/config/version.ts';
import { gdalDown, type GdalHealth } from '#shared/gdal/health.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import { gatherGdalHealth, gatherVersions, versionProblem } from './function-reports.ts';

describe('versions', () => {
  const stack = parseStack('functions: {same: {}, old: {}, ancient: {}}');
  const server = createServer((request, response) => {
    if (request.url === '/same/health/version') response.end(JSON.stringify({ version: SLUICE_VERSION }));
    else if (request.url === '/old/health/version') response.end('{"version":"99.0.0","added":1}');
    else response.writeHead(405).end();
  });
  beforeAll(() => once(server.listen(0, '127.0.0.1'), 'listening'));
  afterAll(() => server.close());

  test('gathers the versions of the functions at FUNCTION_URL', async () => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/{name}`;
    expect(await gatherVersions({ env: parseEnv({ FUNCTION_URL: url }), stack })).toEqual({
      gateway: SLUICE_VERSION,
      functions: { same: SLUICE_VERSION, old: '99.0.0', ancient: null },
      error: expect.stringContaining('old 99.0.0') as string,
    });
    expect(await gatherVersions({ env: parseEnv({}), stack })).toEqual({ gateway: SLUICE_VERSION, functions: {} });
  });

  test('one sentence names the functions that are more than one release apart, and what to do', () => {
    expect(versionProblem({ archive: '0.2.0', join: '0.4.1', 'fail-run': null }, '0.3.0')).toBeUndefined();
    expect(versionProblem({ archive: '0.3.9', join: '0.1.0', 'load-to-postgis': '0.5.0' }, '0.3.0')).toBe(
      'The gateway has version 0.3.0, and these functions are more than one minor version apart: join 0.1.0, ' +
        'load-to-postgis 0.5.0. Deploy the gateway and all functions with the same version.',
    );
  });
});

describe('the health of GDAL', () => {
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
    assert(healths !== undefined);
    expect(Object.keys(healths)).toEqual(['a', 'b', 'd']);
    expect(healths.a).toMatchObject({ status: 'ok', gdal_version: '3.6.2' });
    const failed = (name: string) =>
      `Could not read the health of GDAL of ${name} at ${url.replace('{name}', name)}/health/gdal: `;
    expect(healths.b).toMatchObject({ status: 'down', error: expect.stringContaining(failed('b')) as string });
    expect(healths.d).toMatchObject({ status: 'down', error: expect.stringContaining(failed('d')) as string });
  });

  test('without FUNCTION_URL, all functions use the GDAL of this machine', async () => {
    const healths = await gatherGdalHealth({ env: parseEnv({}), stack, log: SILENT_LOG });
    assert(healths !== undefined);
    expect(Object.keys(healths)).toEqual(['a', 'b', 'd']);
    expect(healths.a?.gdal_version).toMatch(/^3\./);
    expect(healths.b).toEqual(healths.a);
  });

  test('with a broker and without FUNCTION_URL, the gateway does not report the GDAL of the functions', async () => {
    const broker = { ping: () => Promise.resolve() };
    expect(await gatherGdalHealth({ env: parseEnv({}), stack, log: SILENT_LOG, broker })).toBeUndefined();
  });
});
