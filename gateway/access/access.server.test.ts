import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { testLog } from '../../tests/log-lines.ts';
import { startGateway, type TestGateway } from '../../tests/gateway.ts';
import { createGateway } from '../api/app.ts';
import { Access } from './access.ts';
import { hashPassword } from './password.ts';
import { isRoute, type Role, ROUTE_ROLES } from './route-roles.ts';
import { createToken, hashToken } from './tokens.ts';
import { type User, writeUsersFile } from './users-file.ts';

/** A gateway on all addresses, with a user of each role. */

const PASSWORD = 'correct horse battery';
const OTHER_PASSWORD = 'staple battery horse';
const TOKEN = 'a-token-of-32-characters-as-others';
const METRICS_TOKEN = 'another-token-of-32-characters-for-metrics';
const HOST = 'lake.example:8080';
const ORIGIN = `http://${HOST}`;
const MINUTE_MS = 60_000;

const clock = { now: Date.now() };
const { log, lines } = testLog();
let folder: string;
let file: string;
let gateway: TestGateway;
let hashes: [string, string];
const programToken = createToken();

const user = (role: Role, password = hashes[0]): User => ({
  name: `${role}-user`,
  role,
  password,
  tokens: [{ label: 'ci', hash: hashToken(`${programToken}-${role}`), created_at: '2026-12-01T00:00:00.000Z' }],
});
const writeUsers = () => writeUsersFile(file, [user('viewer'), user('operator'), user('admin')]);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-access-'));
  file = join(folder, 'users.json');
  hashes = [await hashPassword(PASSWORD), await hashPassword(OTHER_PASSWORD)];
  writeUsers();
  // No provider listens there. oidc.server.test.ts has one.
  const provider = { OIDC_ISSUER: 'http://127.0.0.1:9', OIDC_CLIENT_ID: 'sluice', OIDC_ROLES: 'viewer=*' };
  const variables = {
    HOST: '0.0.0.0',
    PUBLIC_URL: ORIGIN,
    WEBHOOK_TOKEN: TOKEN,
    METRICS_TOKEN,
    SLUICE_USERS_FILE: file,
    ...provider,
  };
  const functions = { answer: { topic: 'none', run: async () => undefined } };
  gateway = await startGateway(functions, variables, { now: () => clock.now, log });
});
beforeEach(() => {
  writeUsers();
  clock.now += 60 * MINUTE_MS; // The failures of other tests are forgotten.
});
afterAll(async () => {
  await gateway?.stop();
  await rm(folder, { recursive: true });
});

const basic = (name: string, password = PASSWORD) => ({
  authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
});
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const send = (method: string, path: string, headers: Record<string, string> = {}, body: string | null = null) =>
  gateway.app.request(path, { method, headers: { host: HOST, ...headers }, body });

async function logIn(name: string, password = PASSWORD, next = '/api/runs') {
  const body = new URLSearchParams({ name, password, next }).toString();
  const response = await send('POST', '/login', { origin: ORIGIN }, body);
  return { response, cookie: response.headers.get('set-cookie')?.split(';')[0] ?? '' };
}

async function errorOf(response: Response) {
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  return [response.status, error.code];
}

/** A path of the route. */
const pathOf = (route: string) =>
  route
    .split(' ')[1]!
    .replace(':run_id', '6f1c2f0e-0000-4000-8000-000000000000')
    .replace('*', 'file')
    .replaceAll(/:\w+/g, 'unknown');

test('every route has a row, and every row a route', () => {
  const routes = gateway.app.routes.filter(isRoute).map(({ method, path }) => `${method} ${path}`);
  expect([...new Set(routes)].sort()).toEqual(Object.keys(ROUTE_ROLES).sort());
});

test('everything needs a login, except health, the login page, and what has a token of its own', async () => {
  for (const [route, access] of Object.entries(ROUTE_ROLES)) {
    const method = route.split(' ')[0]!.replace('ALL', 'POST');
    const response = await send(method, pathOf(route));
    if (access === 'public') expect([route, response.headers.has('www-authenticate')]).toEqual([route, false]);
    else expect([route, response.status]).toEqual([route, 401]);
  }
  expect((await send('GET', '/api/unknown')).status).toBe(401);
  expect((await send('HEAD', '/api/assets/unknown/download')).status).toBe(401);
  expect((await send('OPTIONS', '/api/runs')).status).toBe(401);
});

test('each role may do what the table permits, and nothing more', async () => {
  const roles: Role[] = ['viewer', 'operator', 'admin'];
  for (const [route, access] of Object.entries(ROUTE_ROLES)) {
    const required = access === 'calls' ? 'operator' : access === 'metrics' ? 'viewer' : access;
    if (!roles.includes(required as Role)) continue;
    const method = route.split(' ')[0]!.replace('ALL', 'POST');
    for (const role of roles) {
      const response = await send(method, pathOf(route), basic(`${role}-user`));
      await response.body?.cancel();
      const isAllowed = roles.indexOf(role) >= roles.indexOf(required as Role);
      expect([route, role, response.status === 403]).toEqual([route, role, !isAllowed]);
      expect([route, role, response.status]).not.toEqual([route, role, 401]);
    }
  }
});

test('names the role that a refused request needs', async () => {
  const response = await send('PUT', '/api/datasets/roads/retention', basic('operator-user'), '{"keep_versions":1}');
  expect(await response.json()).toMatchObject({
    error: {
      code: 'FORBIDDEN',
      message: 'PUT /api/datasets/roads/retention needs the role admin, and operator-user has the role operator.',
    },
  });
});

test('programs use a token of a user, which ends with the user', async () => {
  const request = () => send('GET', '/api/runs', bearer(`${programToken}-viewer`));
  expect((await request()).status).toBe(200);
  expect(await errorOf(await send('GET', '/api/runs', bearer(programToken)))).toEqual([401, 'UNAUTHORIZED']);
  writeUsersFile(file, [user('admin')]);
  expect((await request()).status).toBe(401);
});

test('WEBHOOK_TOKEN is for events and calls, METRICS_TOKEN for metrics only', async () => {
  const webhook = bearer(TOKEN);
  expect((await send('POST', '/events', webhook)).status).toBe(400);
  expect((await send('POST', '/function/answer', webhook)).status).toBe(400);
  for (const path of ['/api/runs', '/metrics', '/system/functions'])
    expect([path, (await send('GET', path, webhook)).status]).toEqual([path, 401]);
  expect((await send('GET', '/metrics', bearer(METRICS_TOKEN))).status).toBe(200);
  expect((await send('GET', '/api/runs', bearer(METRICS_TOKEN))).status).toBe(401);
  expect((await send('POST', '/events', basic('admin-user'))).status).toBe(401);
});

test('the login sets a cookie for this host only, and the logout ends the session', async () => {
  const { response, cookie } = await logIn('operator-user', PASSWORD, '/ui/runs?status=failure');
  expect([response.status, response.headers.get('location')]).toEqual([303, '/ui/runs?status=failure']);
  expect(response.headers.get('set-cookie')).toMatch(
    /^sluice_session=v1\.[\w-]+\.[\w-]+; Max-Age=43200; Path=\/; HttpOnly; SameSite=Lax$/,
  );
  expect(await (await send('GET', '/api/session', { cookie })).json()).toEqual({
    login: true,
    user: 'operator-user',
    role: 'operator',
  });
  const ended = await send('POST', '/logout', { cookie, origin: ORIGIN });
  expect([ended.status, ended.headers.get('location')]).toEqual([303, '/login']);
  expect(ended.headers.get('set-cookie')).toMatch(/^sluice_session=; Max-Age=0;/);
  expect((await send('GET', '/api/session', { cookie })).status).toBe(401);
});

test('with HTTPS, the cookie is Secure', async () => {
  const env = { ...gateway.deps.env, TRUSTED_PROXIES: 1 };
  const proxied = createGateway({ ...gateway.deps, env });
  const body = new URLSearchParams({ name: 'viewer-user', password: PASSWORD }).toString();
  const headers = { host: HOST, 'x-forwarded-proto': 'https', 'x-forwarded-for': '192.0.2.1' };
  const response = await proxied.request('/login', { method: 'POST', headers, body });
  expect(response.headers.get('set-cookie')).toMatch(/^__Host-sluice_session=.*; Secure;/);
  expect(response.headers.get('strict-transport-security')).toBe('max-age=31536000');
  const cookie = response.headers.get('set-cookie')?.split(';')[0] ?? '';
  expect((await proxied.request('/api/runs', { headers: { ...headers, cookie } })).status).toBe(200);
  const untrusted = await send('POST', '/login', { 'x-forwarded-proto': 'https' }, body);
  expect(untrusted.headers.get('set-cookie')).toMatch(/^sluice_session=/);
});

test('a wrong login shows the form again, and does not tell whether the user exists', async () => {
  const wrong = await logIn('viewer-user', 'not the password');
  const unknown = await logIn('<script>', 'not the password');
  expect([wrong.response.status, unknown.response.status, wrong.cookie]).toEqual([401, 401, '']);
  const [page, other] = [await wrong.response.text(), await unknown.response.text()];
  expect(page).toContain('The user name or the password is wrong.');
  expect(other).toContain('value="&lt;script&gt;"');
  expect(other.replace('&lt;script&gt;', '')).toBe(page.replace('viewer-user', ''));
  expect(wrong.response.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'self'/);
});

test.each([
  'https://evil.example/',
  '//evil.example',
  '/\\evil.example',
  '/.//evil.example',
  'javascript:alert(1)',
  '/login',
])('the login does not lead to %s', async (next) => {
  expect((await logIn('viewer-user', PASSWORD, next)).response.headers.get('location')).toBe('/ui/');
});

test('browsers that open a page without a session get the login page', async () => {
  const response = await send('GET', '/api/runs?limit=5', { accept: 'text/html,*/*', 'sec-fetch-mode': 'navigate' });
  expect([response.status, response.headers.get('location')]).toEqual([303, '/login?next=%2Fapi%2Fruns%3Flimit%3D5']);
  const page = await send('GET', response.headers.get('location')!);
  expect(await page.text()).toContain('name="next" value="/api/runs?limit=5"');
  expect((await send('GET', '/login/style.css')).headers.get('content-type')).toMatch(/^text\/css/);
  const program = await send('GET', '/api/runs');
  expect([program.status, program.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="Sluice"']);
});

test('a session ends without requests, and after its time also with them', async () => {
  const { cookie } = await logIn('viewer-user');
  const status = async (sent: string) => (await send('GET', '/api/runs', { cookie: sent })).status;
  clock.now += 119 * MINUTE_MS;
  expect(await status(cookie)).toBe(200);
  clock.now += 2 * MINUTE_MS;
  expect(await status(cookie)).toBe(401);

  let { cookie: current } = await logIn('viewer-user');
  for (let minutes = 100; minutes < 12 * 60; minutes += 100) {
    clock.now += 100 * MINUTE_MS;
    const response = await send('GET', '/api/runs', { cookie: current });
    expect(response.status).toBe(200);
    current = response.headers.get('set-cookie')?.split(';')[0] ?? '';
    expect(current).toMatch(/^sluice_session=v1/);
  }
  clock.now += 20 * MINUTE_MS;
  expect(await status(current)).toBe(401);
});

test('a change of the password or the removal of the user ends the sessions, a new role applies to them', async () => {
  const { cookie } = await logIn('operator-user');
  const role = async () => {
    const response = await send('GET', '/api/session', { cookie });
    return response.status === 200 ? ((await response.json()) as { role: string }).role : response.status;
  };
  writeUsersFile(file, [{ ...user('operator'), role: 'viewer' }]);
  expect(await role()).toBe('viewer');
  writeUsersFile(file, [user('operator', hashes[1])]);
  expect(await role()).toBe(401);
  expect((await send('GET', '/api/runs', basic('operator-user'))).status).toBe(401);
  expect((await send('GET', '/api/runs', basic('operator-user', OTHER_PASSWORD))).status).toBe(200);
  writeUsersFile(file, [user('admin')]);
  expect((await send('GET', '/api/runs', basic('operator-user', OTHER_PASSWORD))).status).toBe(401);
});

test('a session is valid after a restart and at another gateway, and so is its end', async () => {
  const { cookie } = await logIn('admin-user');
  const databaseUrl = gateway.databaseUrl;
  const access = await Access.open(
    { ...gateway.deps.env, CONTROL_DATABASE_URL: databaseUrl },
    { home: join(folder, 'other'), log, now: () => clock.now },
  );
  try {
    const other = createGateway({ ...gateway.deps, access });
    const ask = async () => (await other.request('/api/session', { headers: { host: HOST, cookie } })).status;
    expect(await ask()).toBe(200);
    await send('POST', '/logout', { cookie, origin: ORIGIN });
    await expect.poll(ask).toBe(401);
  } finally {
    await access.close();
  }
});

test('a page of another site cannot use the session', async () => {
  const { cookie } = await logIn('operator-user');
  const cancel = (headers: Record<string, string>) =>
    send('POST', `/api/runs/6f1c2f0e-0000-4000-8000-000000000000/cancel`, { cookie, ...headers });
  const others: Record<string, string>[] = [
    {},
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
  ];
  for (const headers of others) expect(await errorOf(await cancel(headers))).toEqual([403, 'ORIGIN_FORBIDDEN']);
  const call = await send('GET', '/function/answer', { cookie });
  expect(call.status).toBe(403);
  expect(await errorOf(await cancel({ origin: ORIGIN }))).toEqual([404, 'RUN_NOT_FOUND']);
  expect(await errorOf(await cancel({ 'sec-fetch-site': 'same-origin' }))).toEqual([404, 'RUN_NOT_FOUND']);
  expect((await send('POST', '/logout', { cookie })).status).toBe(403);
  const evilLogin = await send('POST', '/login', { origin: 'https://evil.example' }, 'name=a&password=b');
  expect(evilLogin.status).toBe(403);
});

test('failed logins are limited, also with the right password, and logged in bounded entries', async () => {
  lines.length = 0;
  const statuses = [];
  for (let n = 0; n < 12; n += 1) statuses.push((await logIn('viewer-user', `wrong password ${n}`)).response.status);
  expect(statuses).toEqual([...Array<number>(10).fill(401), 429, 429]);
  const right = await logIn('viewer-user');
  expect([right.response.status, right.cookie]).toEqual([429, '']);
  expect(Number(right.response.headers.get('retry-after'))).toBeGreaterThan(60);
  const api = await send('GET', '/api/runs', basic('viewer-user', 'wrong'));
  expect(await errorOf(api)).toEqual([429, 'TOO_MANY_ATTEMPTS']);
  const system = await send('GET', '/system/functions', basic('viewer-user', 'wrong'));
  expect([system.status, Number(system.headers.get('retry-after'))]).toEqual([429, expect.any(Number)]);
  expect((await logIn('operator-user')).response.status).toBe(303);
  const logged = lines.filter(({ msg }) => msg === 'Login:Check:Failed');
  expect(logged.length).toBeLessThanOrEqual(1);
  expect(JSON.stringify(lines)).not.toContain('wrong password');
});

test('wrong tokens are limited and not logged one by one, and right tokens and passwords still work', async () => {
  lines.length = 0;
  const wrong = () => send('GET', '/api/runs', bearer('sluice_wrong'));
  for (let n = 0; n < 25; n += 1) {
    expect((await wrong()).status).toBe(401);
    expect((await send('POST', n % 2 === 0 ? '/events' : '/webhooks/minio', bearer(`wrong ${n}`))).status).toBe(401);
  }
  expect(await errorOf(await wrong())).toEqual([429, 'TOO_MANY_ATTEMPTS']);
  for (const path of ['/events', '/webhooks/minio'])
    expect(await errorOf(await send('POST', path, bearer('wrong')))).toEqual([429, 'TOO_MANY_ATTEMPTS']);
  expect((await send('GET', '/api/runs', bearer(`${programToken}-viewer`))).status).toBe(200);
  expect((await send('POST', '/events', bearer(TOKEN))).status).toBe(400);
  expect((await send('POST', '/webhooks/minio', bearer(TOKEN), '{}')).status).toBe(200);
  expect((await logIn('viewer-user')).response.status).toBe(303);
  expect(lines.filter(({ msg }) => msg === 'Request:Handle:Failed')).toEqual([]);
  expect(lines.filter(({ msg }) => msg === 'Login:Check:Failed').length).toBeLessThanOrEqual(1);
});

test('WEBHOOK_TOKEN is the password of admin only until users are configured, also after their removal', async () => {
  const env = { ...gateway.deps.env, OIDC_ISSUER: undefined, SLUICE_USERS_FILE: undefined };
  const home = mkdtempSync(join(folder, 'home-'));
  const open = async () => {
    const access = await Access.open(env, { home, log, now: () => clock.now });
    onTestFinished(() => access.close());
    const app = createGateway({ ...gateway.deps, env, access });
    return async () => (await app.request('/api/runs', { headers: { host: HOST, ...basic('admin', TOKEN) } })).status;
  };
  const ask = await open();
  expect(await ask()).toBe(200);
  const own = join(home, 'users.json');
  writeUsersFile(own, [user('admin')]);
  expect(await ask()).toBe(401);
  writeUsersFile(own, []);
  expect(await ask()).toBe(401);
  expect(await (await open())()).toBe(401);
  await rm(own);
  expect(await ask()).toBe(401);
});

test('without a login, requests of a proxy are refused', async () => {
  const env = { ...gateway.deps.env, HOST: '127.0.0.1', PUBLIC_URL: undefined, OIDC_ISSUER: undefined };
  const settings = { ...env, SLUICE_USERS_FILE: undefined };
  const access = await Access.open(settings, { home: mkdtempSync(join(folder, 'home-')), log });
  onTestFinished(() => access.close());
  const app = createGateway({ ...gateway.deps, env: settings, access });
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

test('a stream ends after the logout', async () => {
  const { cookie } = await logIn('viewer-user');
  const stream = await send('GET', '/api/batches/unknown/events', { cookie });
  expect(stream.status).toBe(200);
  await send('POST', '/logout', { cookie, origin: ORIGIN });
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + MINUTE_MS });
  onTestFinished(() => void vi.useRealTimers());
  expect(await stream.text()).not.toContain('event: run');
});

test('concurrent requests with the same right password are checked once', async () => {
  const requests = Array.from({ length: 30 }, async () => send('GET', '/api/runs', basic('viewer-user')));
  expect((await Promise.all(requests)).map(({ status }) => status)).toEqual(Array(30).fill(200));
});

test('the activity log has the user, whatever the client names, and what the user did', async () => {
  const headers = { ...basic('operator-user'), 'x-operator': 'somebody%20else' };
  const uploaded = await send('PUT', '/api/landing/b1/a%20file.txt', { ...headers, 'content-length': '5' }, 'hello');
  expect(uploaded.status).toBe(201);
  const event = JSON.stringify({ specversion: '1.0', id: '1', source: '/test', type: 'test.plain', data: {} });
  const json = { 'content-type': 'application/cloudevents+json' };
  expect((await send('POST', '/function/answer', { ...headers, ...json }, event)).status).toBe(200);
  expect((await send('POST', '/async-function/answer', { ...bearer(TOKEN), ...json }, event)).status).toBe(202);
  const activity = await (await send('GET', '/api/activity?limit=3', headers)).json();
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

test('failed requests to the OpenID provider are limited, and logged in bounded entries', async () => {
  lines.length = 0;
  const ask = async () => (await send('GET', '/login/oidc')).status;
  for (let n = 0; n < 50; n += 1) expect(await ask()).toBe(503);
  expect(await ask()).toBe(429);
  for (let n = 0; n < 50; n += 1) await send('GET', '/login/oidc/callback?code=x&state=y');
  expect(lines.length).toBeLessThanOrEqual(2);
  expect((await logIn('viewer-user')).response.status).toBe(303);
});

test('an OpenID provider that does not respond is an error on the login page', async () => {
  const response = await send('GET', '/login/oidc?next=/ui/runs');
  expect(response.status).toBe(503);
  expect(await response.text()).toContain('The OpenID provider http://127.0.0.1:9 does not respond as expected');
  const forged = await send('GET', '/login/oidc/callback?code=x&state=y');
  expect([forged.status, forged.headers.get('set-cookie')]).toEqual([
    401,
    expect.not.stringContaining('sluice_session'),
  ]);
});

test('every response has the headers that restrict browsers', async () => {
  const response = await send('GET', '/api/runs', basic('viewer-user'));
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-store',
  });
});
