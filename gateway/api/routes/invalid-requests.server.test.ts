import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGateway, type TestGateway } from '../../../tests/gateway.ts';

/** Every route responds to an invalid id, parameter or body with JSON: a stable code, and the name of the field. */

const NO_RUN = '0d4a1f6e-2f64-8c11-9a3e-0123456789ab';
const NO_ASSET = '0'.repeat(24);

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.stop());

const answer = async (method: string, path: string, body?: string) => {
  const reply = await gateway.app.request(path, {
    method,
    ...(body === undefined
      ? {}
      : { body, headers: { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) } }),
  });
  expect(reply.headers.get('content-type')).toBe('application/json');
  return {
    status: reply.status,
    ...((await reply.json()) as { error: { code: string; message: string; details: Record<string, unknown> } }),
  };
};

test.each([
  ['/api/runs?limit=0', 'limit', 'must be at least 1'],
  ['/api/runs?limit=501', 'limit', 'must be at most 500'],
  ['/api/runs?limit=many', 'limit', 'must be a number'],
  ['/api/assets?limit=1.5', 'limit', 'must be a whole number, not 1.5'],
  ['/api/dead-letters?offset=-1', 'offset', 'must be at least 0'],
  ['/api/runs?status=done', 'status', 'must be one of "running", "success", "failure", "canceled", not "done"'],
  ['/api/runs?limit=1&limit=2', 'limit', 'is repeated'],
  ['/api/activity?operator=ana', 'operator', 'is an unknown parameter; expected one of limit, offset, batch_id'],
  ['/api/reconcile?deep=yes', 'deep', 'must be one of "true", "false", not "yes"'],
  ['/api/datasets?limit=5', 'limit', 'is an unknown parameter'],
  [`/api/runs/${NO_RUN}?x=1`, 'x', 'is an unknown parameter'],
  [`/api/runs/${NO_RUN}/events?x=1`, 'x', 'is an unknown parameter'],
  [`/api/assets/${NO_ASSET}/lineage?depth=1`, 'depth', 'is an unknown parameter'],
  ['/api/batches/b/events?key=1', 'key', 'is an unknown parameter; expected manifest_key'],
])('GET %s returns 400 with the parameter', async (path, field, message) => {
  expect(await answer('GET', path)).toMatchObject({
    status: 400,
    error: {
      code: 'REQUEST_INVALID',
      message: `Invalid query: ${field} ${message}.`,
      details: { issues: [{ field, message }] },
    },
  });
});

test.each([
  ['POST', `/api/runs/${NO_RUN}/rerun`, 'RUN_NOT_FOUND'],
  ['POST', '/api/runs/n%C3%B6/cancel', 'RUN_NOT_FOUND'],
  ['GET', '/api/runs/n%C3%B6/activity', 'RUN_NOT_FOUND'],
  ['GET', `/api/assets/${NO_ASSET}/download`, 'ASSET_NOT_FOUND'],
  ['GET', '/api/assets/x/lineage', 'ASSET_NOT_FOUND'],
  ['GET', '/api/datasets/a%20b', 'DATASET_NOT_FOUND'],
  ['DELETE', '/api/dead-letters/x', 'DEAD_LETTER_NOT_FOUND'],
  ['GET', '/api/batches/x?manifest_key=..%2Fx', 'BATCH_NOT_FOUND'],
  ['PATCH', `/api/runs/${NO_RUN}`, 'ROUTE_NOT_FOUND'],
])('%s %s returns 404', async (method, path, code) => {
  expect(await answer(method, path)).toMatchObject({ status: 404, error: { code } });
});

test.each([
  '/api/runs/%ZZ',
  '/api/batches/%E0%A4%A',
  '/api/batches/%00',
  '/api/runs?dataset_id=%00',
  '/api/runs?batch_id=%',
  '/api/batches/b?manifest_key=%00',
  '/api/dead-letters/%00',
  '/api/landing/%ZZ',
])('GET %s returns 400 for invalid encoding', async (path) => {
  expect(await answer('GET', path)).toMatchObject({
    status: 400,
    error: {
      code: 'REQUEST_INVALID',
      message: expect.stringMatching(/^The (path|query) .*(is not valid percent-encoding|contains a NUL)/) as string,
    },
  });
});

test.each([
  ['{}', 'keep_versions is missing'],
  ['{"keep_versions":0}', 'keep_versions must be at least 1'],
  ['{"keep_versions":"5"}', 'keep_versions must be a number, not "5"'],
  ['{"keep_versions":1,"force":true}', 'force is an unknown field; expected keep_versions'],
  ['[]', 'body must be an object, not a list'],
])('rejects the body %s with the name of the field', async (body, problem) => {
  expect(await answer('PUT', '/api/datasets/x/retention', body)).toMatchObject({
    status: 400,
    error: { code: 'REQUEST_INVALID', message: `Invalid body: ${problem}.` },
  });
});

test('rejects an upload whose key contains an unencoded "?"', async () => {
  expect(await answer('PUT', '/api/landing/b/roads?.zip', 'x')).toMatchObject({
    status: 400,
    error: { code: 'REQUEST_INVALID', message: expect.stringContaining('write it as %3F') as string },
  });
});
