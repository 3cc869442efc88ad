import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  AccessGateway,
  basic,
  bearer,
  errorOf,
  HOST,
  METRICS_TOKEN,
  TOKEN,
} from '../../tests/fixtures/access-gateway.ts';
import { createGateway } from '../api/app.ts';
import { Access } from './access.ts';
import { isRoute, type Role, ROUTE_ROLES } from './route-roles.ts';
import { writeUsersFile } from './users-file.ts';

const site = new AccessGateway();

/** A path of the route. */
const pathOf = (route: string) =>
  route
    .split(' ')[1]!
    .replace(':run_id', '6f1c2f0e-0000-4000-8000-000000000000')
    .replace('*', 'file')
    .replaceAll(/:\w+/g, 'unknown');

test('every route has a row, and every row a route', () => {
  const routes = site.gateway.app.routes.filter(isRoute).map(({ method, path }) => `${method} ${path}`);
  expect([...new Set(routes)].sort()).toEqual(Object.keys(ROUTE_ROLES).sort());
});

test('everything needs a login, except health, the login page, and what has a token of its own', async () => {
  for (const [route, access] of Object.entries(ROUTE_ROLES)) {
    const method = route.split(' ')[0]!.replace('ALL', 'POST');
    const response = await site.send(method, pathOf(route));
    if (access === 'public') expect([route, response.headers.has('www-authenticate')]).toEqual([route, false]);
    else expect([route, response.status]).toEqual([route, 401]);
  }
  expect((await site.send('GET', '/api/unknown')).status).toBe(401);
  expect((await site.send('HEAD', '/api/assets/unknown/download')).status).toBe(401);
  expect((await site.send('OPTIONS', '/api/runs')).status).toBe(401);
});

test('each role may do what the table permits, and nothing more', async () => {
  const roles: Role[] = ['viewer', 'operator', 'admin'];
  for (const [route, access] of Object.entries(ROUTE_ROLES)) {
    const required = access === 'calls' ? 'operator' : access === 'metrics' ? 'viewer' : access;
    if (!roles.includes(required as Role)) continue;
    const method = route.split(' ')[0]!.replace('ALL', 'POST');
    for (const role of roles) {
      const response = await site.send(method, pathOf(route), basic(`${role}-user`));
      await response.body?.cancel();
      const isAllowed = roles.indexOf(role) >= roles.indexOf(required as Role);
      expect([route, role, response.status === 403]).toEqual([route, role, !isAllowed]);
      expect([route, role, response.status]).not.toEqual([route, role, 401]);
    }
  }
});

test('names the role that a rejected request needs', async () => {
  const response = await site.send(
    'PUT',
    '/api/datasets/roads/retention',
    basic('operator-user'),
    '{"keep_versions":1}',
  );
  expect(await response.json()).toMatchObject({
    error: {
      code: 'FORBIDDEN',
      message: 'PUT /api/datasets/roads/retention requires the role admin, but operator-user has the role operator.',
    },
  });
});

test('programs use a token of a user, which ends with the user', async () => {
  const request = () => site.send('GET', '/api/runs', bearer(site.tokenOf('viewer')));
  expect((await request()).status).toBe(200);
  expect(await errorOf(await site.send('GET', '/api/runs', bearer(site.programToken)))).toEqual([401, 'UNAUTHORIZED']);
  site.writeUsers(site.user('admin'));
  expect((await request()).status).toBe(401);
});

test('WEBHOOK_TOKEN is for events and calls, METRICS_TOKEN for metrics only', async () => {
  const webhook = bearer(TOKEN);
  expect((await site.send('POST', '/events', webhook)).status).toBe(400);
  expect((await site.send('POST', '/function/answer', webhook)).status).toBe(400);
  for (const path of ['/api/runs', '/metrics', '/system/functions'])
    expect([path, (await site.send('GET', path, webhook)).status]).toEqual([path, 401]);
  expect((await site.send('GET', '/metrics', bearer(METRICS_TOKEN))).status).toBe(200);
  expect((await site.send('GET', '/api/runs', bearer(METRICS_TOKEN))).status).toBe(401);
  expect((await site.send('POST', '/events', basic('admin-user'))).status).toBe(401);
});

test('WEBHOOK_TOKEN is the password of admin only until users are configured, also after their removal', async () => {
  const env = { ...site.gateway.deps.env, OIDC_ISSUER: undefined, SLUICE_USERS_FILE: undefined };
  const home = site.newFolder();
  const open = async () => {
    const access = await Access.open(env, { home, log: site.log.log, now: () => site.clock.now });
    onTestFinished(() => access.close());
    const app = createGateway({ ...site.gateway.deps, env, access });
    return async () => (await app.request('/api/runs', { headers: { host: HOST, ...basic('admin', TOKEN) } })).status;
  };
  const ask = await open();
  expect(await ask()).toBe(200);
  const own = join(home, 'users.json');
  writeUsersFile(own, [site.user('admin')]);
  expect(await ask()).toBe(401);
  writeUsersFile(own, []);
  expect(await ask()).toBe(401);
  expect(await (await open())()).toBe(401);
  await rm(own);
  expect(await ask()).toBe(401);
});

test('rejects requests of a proxy if no login is configured', async () => {
  const env = { ...site.gateway.deps.env, HOST: '127.0.0.1', PUBLIC_URL: undefined, OIDC_ISSUER: undefined };
  const settings = { ...env, SLUICE_USERS_FILE: undefined };
  const access = await Access.open(settings, { home: site.newFolder(), log: site.log.log });
  onTestFinished(() => access.close());
  const app = createGateway({ ...site.gateway.deps, env: settings, access });
  const ask = (headers: Record<string, string>) =>
    app.request('/api/runs', { headers: { host: '127.0.0.1:8080', ...headers } });
  expect((await ask({})).status).toBe(200);
  for (const name of ['x-forwarded-for', 'x-forwarded-host', 'forwarded', 'via']) {
    const response = await ask({ [name]: 'lake.example' });
    const { error } = (await response.json()) as { error: { code: string; message: string } };
    expect([name, response.status, error.code]).toEqual([name, 403, 'ORIGIN_FORBIDDEN']);
    expect(error.message).toMatch(new RegExp(`header ${name}.*sluice users add.*PUBLIC_URL`));
  }
});

test('the activity log has the user, whatever the client names, and what the user did', async () => {
  const headers = { ...basic('operator-user'), 'x-operator': 'somebody%20else' };
  const uploaded = await site.send(
    'PUT',
    '/api/landing/b1/a%20file.txt',
    { ...headers, 'content-length': '5' },
    'hello',
  );
  expect(uploaded.status).toBe(201);
  const event = JSON.stringify({ specversion: '1.0', id: '1', source: '/test', type: 'test.plain', data: {} });
  const json = { 'content-type': 'application/cloudevents+json' };
  expect((await site.send('POST', '/function/answer', { ...headers, ...json }, event)).status).toBe(200);
  expect((await site.send('POST', '/async-function/answer', { ...bearer(TOKEN), ...json }, event)).status).toBe(202);
  const activity = await (await site.send('GET', '/api/activity?limit=3', headers)).json();
  expect(activity).toMatchObject([
    { activity: 'function_called', operator: 'webhook-token', message: 'webhook-token called the function answer.' },
    { activity: 'function_called', operator: 'operator-user', details: { function: 'answer', event_id: '1' } },
    {
      activity: 'file_uploaded',
      operator: 'operator-user',
      message: 'operator-user uploaded s3://landing-zone/b1/a file.txt.',
    },
  ]);
});

test('every response has the headers that restrict browsers', async () => {
  const response = await site.send('GET', '/api/runs', basic('viewer-user'));
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-store',
  });
});
