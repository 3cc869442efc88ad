import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { parseEnv } from '#shared/config/env.ts';
import { requireTokenBeyondLoopback } from './bearer-token.ts';
import { errorResponse } from './error-response.ts';

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
