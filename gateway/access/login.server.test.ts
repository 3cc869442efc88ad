import { expect, onTestFinished, test, vi } from 'vitest';
import {
  AccessGateway,
  basic,
  errorOf,
  HOST,
  MINUTE_MS,
  ORIGIN,
  OTHER_PASSWORD,
  PASSWORD,
} from '../../tests/fixtures/access-gateway.ts';
import { createGateway } from '../api/app.ts';
import { Access } from './access.ts';

/** The login page, and the sessions that it starts. */

const site = new AccessGateway();

test('the login sets a cookie for this host only, and the logout ends the session', async () => {
  const { response, cookie } = await site.logIn('operator-user', PASSWORD, '/ui/runs?status=failure');
  expect([response.status, response.headers.get('location')]).toEqual([303, '/ui/runs?status=failure']);
  expect(response.headers.get('set-cookie')).toMatch(
    /^sluice_session=v1\.[\w-]+\.[\w-]+; Max-Age=43200; Path=\/; HttpOnly; SameSite=Lax$/,
  );
  expect(await (await site.send('GET', '/api/session', { cookie })).json()).toEqual({
    login: true,
    user: 'operator-user',
    role: 'operator',
  });
  const ended = await site.send('POST', '/logout', { cookie, origin: ORIGIN });
  expect([ended.status, ended.headers.get('location')]).toEqual([303, '/login']);
  expect(ended.headers.get('set-cookie')).toMatch(/^sluice_session=; Max-Age=0;/);
  expect((await site.send('GET', '/api/session', { cookie })).status).toBe(401);
});

test('with HTTPS, the cookie is Secure', async () => {
  const env = { ...site.gateway.deps.env, TRUSTED_PROXIES: 1 };
  const proxied = createGateway({ ...site.gateway.deps, env });
  const body = new URLSearchParams({ name: 'viewer-user', password: PASSWORD }).toString();
  const headers = { host: HOST, 'x-forwarded-proto': 'https', 'x-forwarded-for': '192.0.2.1' };
  const response = await proxied.request('/login', { method: 'POST', headers, body });
  expect(response.headers.get('set-cookie')).toMatch(/^__Host-sluice_session=.*; Secure;/);
  expect(response.headers.get('strict-transport-security')).toBe('max-age=31536000');
  const cookie = response.headers.get('set-cookie')?.split(';')[0] ?? '';
  expect((await proxied.request('/api/runs', { headers: { ...headers, cookie } })).status).toBe(200);
  const untrusted = await site.send('POST', '/login', { 'x-forwarded-proto': 'https' }, body);
  expect(untrusted.headers.get('set-cookie')).toMatch(/^sluice_session=/);
});

test('a wrong login shows the form again, and does not reveal whether the user exists', async () => {
  const wrong = await site.logIn('viewer-user', 'not the password');
  const unknown = await site.logIn('<script>', 'not the password');
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
  expect((await site.logIn('viewer-user', PASSWORD, next)).response.headers.get('location')).toBe('/ui/');
});

test('browsers that open a page without a session get the login page', async () => {
  const response = await site.send('GET', '/api/runs?limit=5', {
    accept: 'text/html,*/*',
    'sec-fetch-mode': 'navigate',
  });
  expect([response.status, response.headers.get('location')]).toEqual([303, '/login?next=%2Fapi%2Fruns%3Flimit%3D5']);
  const page = await site.send('GET', response.headers.get('location')!);
  expect(await page.text()).toContain('name="next" value="/api/runs?limit=5"');
  expect((await site.send('GET', '/login/style.css')).headers.get('content-type')).toMatch(/^text\/css/);
  const program = await site.send('GET', '/api/runs');
  expect([program.status, program.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="Sluice"']);
});

test('a session ends without requests, and after its time also with them', async () => {
  const { cookie } = await site.logIn('viewer-user');
  const status = async (sent: string) => (await site.send('GET', '/api/runs', { cookie: sent })).status;
  site.clock.now += 119 * MINUTE_MS;
  expect(await status(cookie)).toBe(200);
  site.clock.now += 2 * MINUTE_MS;
  expect(await status(cookie)).toBe(401);

  let { cookie: current } = await site.logIn('viewer-user');
  for (let minutes = 100; minutes < 12 * 60; minutes += 100) {
    site.clock.now += 100 * MINUTE_MS;
    const response = await site.send('GET', '/api/runs', { cookie: current });
    expect(response.status).toBe(200);
    current = response.headers.get('set-cookie')?.split(';')[0] ?? '';
    expect(current).toMatch(/^sluice_session=v1/);
  }
  site.clock.now += 20 * MINUTE_MS;
  expect(await status(current)).toBe(401);
});

test('a change of the password or the removal of the user ends the sessions, a new role applies to them', async () => {
  const { cookie } = await site.logIn('operator-user');
  const role = async () => {
    const response = await site.send('GET', '/api/session', { cookie });
    return response.status === 200 ? ((await response.json()) as { role: string }).role : response.status;
  };
  site.writeUsers({ ...site.user('operator'), role: 'viewer' });
  expect(await role()).toBe('viewer');
  site.writeUsers(site.userWithOtherPassword('operator'));
  expect(await role()).toBe(401);
  expect((await site.send('GET', '/api/runs', basic('operator-user'))).status).toBe(401);
  expect((await site.send('GET', '/api/runs', basic('operator-user', OTHER_PASSWORD))).status).toBe(200);
  site.writeUsers(site.user('admin'));
  expect((await site.send('GET', '/api/runs', basic('operator-user', OTHER_PASSWORD))).status).toBe(401);
});

test('a session is valid after a restart and at another gateway, and so is its end', async () => {
  const { cookie } = await site.logIn('admin-user');
  const databaseUrl = site.gateway.databaseUrl;
  const access = await Access.open(
    { ...site.gateway.deps.env, CONTROL_DATABASE_URL: databaseUrl },
    { home: site.newFolder(), log: site.log.log, now: () => site.clock.now },
  );
  try {
    const other = createGateway({ ...site.gateway.deps, access });
    const ask = async () => (await other.request('/api/session', { headers: { host: HOST, cookie } })).status;
    expect(await ask()).toBe(200);
    await site.send('POST', '/logout', { cookie, origin: ORIGIN });
    await expect.poll(ask).toBe(401);
  } finally {
    await access.close();
  }
});

test('a page of another site cannot use the session', async () => {
  const { cookie } = await site.logIn('operator-user');
  const cancel = (headers: Record<string, string>) =>
    site.send('POST', `/api/runs/6f1c2f0e-0000-4000-8000-000000000000/cancel`, { cookie, ...headers });
  const others: Record<string, string>[] = [
    {},
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
  ];
  for (const headers of others) expect(await errorOf(await cancel(headers))).toEqual([403, 'ORIGIN_FORBIDDEN']);
  const call = await site.send('GET', '/function/answer', { cookie });
  expect(call.status).toBe(403);
  expect(await errorOf(await cancel({ origin: ORIGIN }))).toEqual([404, 'RUN_NOT_FOUND']);
  expect(await errorOf(await cancel({ 'sec-fetch-site': 'same-origin' }))).toEqual([404, 'RUN_NOT_FOUND']);
  expect((await site.send('POST', '/logout', { cookie })).status).toBe(403);
  const evilLogin = await site.send('POST', '/login', { origin: 'https://evil.example' }, 'name=a&password=b');
  expect(evilLogin.status).toBe(403);
});

test('a stream ends after the logout', async () => {
  const { cookie } = await site.logIn('viewer-user');
  const stream = await site.send('GET', '/api/batches/unknown/events', { cookie });
  expect(stream.status).toBe(200);
  await site.send('POST', '/logout', { cookie, origin: ORIGIN });
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + MINUTE_MS });
  onTestFinished(() => void vi.useRealTimers());
  expect(await stream.text()).not.toContain('event: run');
});

test('an OpenID provider that does not respond is an error on the login page', async () => {
  const response = await site.send('GET', '/login/oidc?next=/ui/runs');
  expect(response.status).toBe(503);
  expect(await response.text()).toContain('The OpenID provider http://127.0.0.1:9 does not respond as expected');
  const forged = await site.send('GET', '/login/oidc/callback?code=x&state=y');
  expect([forged.status, forged.headers.get('set-cookie')]).toEqual([
    401,
    expect.not.stringContaining('sluice_session'),
  ]);
});
