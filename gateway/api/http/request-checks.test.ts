import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { parseEnv } from '#shared/config/env.ts';
import { errorResponse } from './error-response.ts';
import { rejectCrossSite, type RequestFacts, requireTokenBeyondLoopback } from './request-checks.ts';

const LOOPBACK = parseEnv({ PUBLIC_URL: 'https://sluice.example.org' });
const NETWORK = parseEnv({ HOST: '0.0.0.0' });

function request(facts: Partial<RequestFacts>): RequestFacts {
  return { method: 'POST', path: '/events', host: '127.0.0.1:8080', origin: undefined, fetchSite: undefined, ...facts };
}

test.each([
  ['a program', {}],
  ['a page of the gateway', { origin: 'http://127.0.0.1:8080', fetchSite: 'same-origin' }],
  ['a page of the gateway behind a proxy', { host: 'sluice.example.org', origin: 'https://sluice.example.org' }],
  ['a read by a page of another site', { method: 'GET', path: '/api/runs', fetchSite: 'cross-site' }],
  ['MinIO in a container', { host: 'host.docker.internal:8080', path: '/webhooks/minio' }],
  ['localhost', { host: 'localhost:8080' }],
  ['IPv6', { host: '[::1]:8080' }],
  ['a container name', { host: 'gateway:8080' }],
])('accepts %s', (_who, facts) => {
  expect(() => rejectCrossSite(request(facts), LOOPBACK)).not.toThrow();
});

test.each([
  ['a page of another site', { origin: 'https://evil.example' }],
  ['a sandboxed page', { origin: 'null' }],
  ['another port of this machine', { origin: 'http://127.0.0.1:3000' }],
  ['a cross-site request without Origin', { fetchSite: 'cross-site' }],
  ['an image URL that calls a function', { method: 'GET', path: '/function/fail-run', fetchSite: 'cross-site' }],
  ['an image URL that reads the whole lake', { method: 'GET', path: '/api/reconcile', fetchSite: 'cross-site' }],
  [
    'a foreign host name for this address (DNS rebinding)',
    { method: 'GET', path: '/api/runs', host: 'rebind.evil.example:8080' },
  ],
  ['a request without a Host header', { host: undefined }],
])('rejects %s', (_who, facts) => {
  expect(() => rejectCrossSite(request(facts), LOOPBACK)).toThrow(
    expect.objectContaining({ code: 'ORIGIN_FORBIDDEN' }),
  );
});

test('accepts every host name on a network address', () => {
  expect(() => rejectCrossSite(request({ host: 'sluice.intranet.example:8080' }), NETWORK)).not.toThrow();
  expect(() =>
    rejectCrossSite(request({ host: 'sluice.intranet.example:8080', origin: 'https://evil.example' }), NETWORK),
  ).toThrow();
});

test('names the Host header that it rejects', () => {
  expect(() => rejectCrossSite(request({ host: 'rebind.evil.example:8080' }), LOOPBACK)).toThrow(
    'Unrecognized Host header "rebind.evil.example:8080". Set PUBLIC_URL to the address that users open.',
  );
});

/** The status of a request to the route, and the message of its error. */
async function call(variables: Record<string, string>, authorization?: string) {
  const app = new Hono()
    .use('/events', requireTokenBeyondLoopback(parseEnv(variables)))
    .post('/events', (c) => c.json({ error: { message: 'accepted' } }))
    .onError(errorResponse);
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
  const response = await app.request('/events', { method: 'POST', headers });
  const { error } = (await response.json()) as { error: { message: string } };
  return [response.status, error.message];
}

const TOKEN = { WEBHOOK_TOKEN: 'secret-1' };
const WRONG = [401, 'The bearer token for /events is missing or does not match WEBHOOK_TOKEN.'];

test.each([
  ['loopback', {}],
  ['loopback with a token', TOKEN],
  ['localhost and a local PUBLIC_URL', { HOST: 'localhost', PUBLIC_URL: 'http://[::1]:8080' }],
])('needs no token on %s', async (_where, variables) => {
  expect(await call(variables)).toEqual([200, 'accepted']);
});

test.each([
  ['a network address', { HOST: '0.0.0.0' }],
  ['all IPv6 addresses', { HOST: '::' }],
  ['loopback behind a proxy', { PUBLIC_URL: 'https://lake.example' }],
])('needs the token on %s', async (_where, variables) => {
  expect(await call({ ...variables, ...TOKEN })).toEqual(WRONG);
  expect(await call({ ...variables, ...TOKEN }, 'Bearer secret-2')).toEqual(WRONG);
  expect(await call({ ...variables, ...TOKEN }, 'Basic secret-1')).toEqual(WRONG);
  expect(await call({ ...variables, ...TOKEN }, 'bearer  secret-1')).toEqual([200, 'accepted']);
  expect(await call(variables, 'Bearer secret-1')).toEqual([
    401,
    '/events is disabled because WEBHOOK_TOKEN is not set.',
  ]);
});
