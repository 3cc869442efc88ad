import { expect, test } from 'vitest';
import { parseEnv } from '#shared/config/env.ts';
import { rejectCrossSite, type RequestFacts, requireSameOrigin } from './request-checks.ts';

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

test.each([
  ['a page of the gateway', { origin: 'http://127.0.0.1:8080' }],
  ['a page of the gateway, without Origin', { fetchSite: 'same-origin' }],
  ['a read', { method: 'GET', path: '/api/runs' }],
])('accepts the session cookie of %s', (_who, facts) => {
  expect(() => requireSameOrigin(request(facts))).not.toThrow();
});

test.each([
  ['a change without Origin', {}],
  ['a change of an unknown page', { fetchSite: 'none' }],
  ['a call of a function', { method: 'GET', path: '/function/fail-run' }],
])('rejects the session cookie of %s', (_who, facts) => {
  expect(() => requireSameOrigin(request(facts))).toThrow(expect.objectContaining({ code: 'ORIGIN_FORBIDDEN' }));
});
