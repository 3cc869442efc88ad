import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import Provider from 'oidc-provider';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { testLog } from '../../tests/log-lines.ts';
import { startGateway, type TestGateway } from '../../tests/gateway.ts';

/** A real OpenID provider with its own login form, driven as a browser does it. */

const URL_OF_GATEWAY = 'http://lake.example:8080';
const SECRET = 'the+secret/of=sluice';
const GROUPS: Record<string, string[]> = { ana: ['gis', 'staff'], root: ['sluice-admins'], guest: [] };

const clock = { offset: 0 };
const { log, lines } = testLog();
let server: Server;
let gateway: TestGateway;

beforeAll(async () => {
  // The provider warns about its keys for development.
  for (const name of ['info', 'warn'] as const) vi.spyOn(console, name).mockImplementation(() => undefined);
  server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'sluice',
        client_secret: SECRET,
        redirect_uris: [`${URL_OF_GATEWAY}/login/oidc/callback`],
        response_types: ['code'],
        grant_types: ['authorization_code'],
      },
    ],
    pkce: { required: () => true },
    claims: { openid: ['sub'], profile: ['preferred_username'], groups: ['groups'] },
    scopes: ['openid', 'profile', 'groups'],
    cookies: { keys: ['key of the test'] },
    findAccount: (_context, id) => ({
      accountId: id,
      claims: async () => ({ sub: id, preferred_username: id, groups: GROUPS[id] ?? [] }),
    }),
  });
  const answer = provider.callback();
  server.on('request', (request, response) => void answer(request, response));
  const variables = {
    HOST: '0.0.0.0',
    PUBLIC_URL: URL_OF_GATEWAY,
    OIDC_ISSUER: issuer,
    OIDC_CLIENT_ID: 'sluice',
    OIDC_CLIENT_SECRET: SECRET,
    OIDC_SCOPES: 'openid profile groups',
    OIDC_ROLES: 'operator=gis,admin=sluice-admins',
  };
  gateway = await startGateway({}, variables, { now: () => Date.now() + clock.offset, log });
});
afterAll(async () => {
  vi.restoreAllMocks();
  await gateway?.stop();
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

/** Keeps the cookies of one host. */
class Browser {
  #cookies = new Map<string, string>();

  async open(url: string, fetching: (url: string, init: RequestInit) => Response | Promise<Response>, init = {}) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetching(url, { redirect: 'manual', ...init, headers: { cookie, ...headersOf(init) } });
    for (const line of response.headers.getSetCookie()) {
      const [pair = ''] = line.split(';');
      const [name = '', value = ''] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
      if (value === '') this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return response;
  }
}

const headersOf = (init: RequestInit) => (init.headers ?? {}) as Record<string, string>;
const ofGateway = (url: string, init: RequestInit) =>
  gateway.app.request(url, { ...init, headers: { host: 'lake.example:8080', ...headersOf(init) } });

/** The forms of the provider for login and consent. Returns the URL to which it sends the browser back. */
async function passProvider(start: string, name: string): Promise<string> {
  const browser = new Browser();
  let url = start;
  for (let step = 0; step < 12; step += 1) {
    if (url.startsWith(URL_OF_GATEWAY)) return url;
    let response = await browser.open(url, fetch);
    if (response.status === 200) {
      const prompt = (await response.text()).includes('name="login"') ? 'login' : 'consent';
      const body = new URLSearchParams({ prompt, login: name, password: 'any' });
      response = await browser.open(url, fetch, { method: 'POST', body });
    }
    url = new URL(response.headers.get('location') ?? '', url).href;
  }
  throw new Error(`The provider did not send the browser back: ${url}`);
}

async function logIn(name: string, next = '/ui/runs?status=failure') {
  const browser = new Browser();
  const start = await browser.open(`/login/oidc?${new URLSearchParams({ next })}`, ofGateway);
  const target = start.headers.get('location') ?? '';
  const back = new URL(await passProvider(target, name));
  const finish = (search = back.search) => browser.open(`/login/oidc/callback${search}`, ofGateway);
  return { browser, start, target: new URL(target), back, finish };
}

test('a user of the provider has the role of its groups, and a session of the gateway', async () => {
  const { browser, start, target, finish } = await logIn('ana');
  expect(start.status).toBe(303);
  expect(start.headers.get('set-cookie')).toMatch(
    /^sluice_login=oidc\..*; Path=\/login\/oidc; HttpOnly; SameSite=Lax$/,
  );
  expect(Object.fromEntries(target.searchParams)).toMatchObject({
    response_type: 'code',
    code_challenge_method: 'S256',
    state: expect.stringMatching(/.{20}/),
    nonce: expect.stringMatching(/.{20}/),
    redirect_uri: `${URL_OF_GATEWAY}/login/oidc/callback`,
  });
  const response = await finish();
  expect(response.status).toBe(200);
  // A redirect would be part of the navigation of the provider, without the cookie.
  expect(await response.text()).toContain('content="0; url=/ui/runs?status=failure"');
  expect(response.headers.getSetCookie().join()).toMatch(/sluice_session=v1\..*HttpOnly; SameSite=Lax/);
  const session = await browser.open('/api/session', ofGateway);
  expect(await session.json()).toEqual({ login: true, user: 'oidc:ana', role: 'operator' });
  const refused = await browser.open('/system/functions', ofGateway, {
    method: 'DELETE',
    headers: { origin: URL_OF_GATEWAY },
  });
  expect(refused.status).toBe(403);
  expect(lines).toContainEqual(
    expect.objectContaining({ msg: 'Session:Start:Done', user: 'oidc:ana', subject: 'ana' }),
  );
});

test('a code is accepted once, with the state of its browser only', async () => {
  const { finish, back } = await logIn('root');
  const other = await logIn('guest');
  expect((await other.finish(back.search)).status).toBe(401);
  expect((await finish()).status).toBe(200);
  const repeated = await finish();
  expect(repeated.status).toBe(401);
  expect(await repeated.text()).toContain('This browser has not started a login, or the login has expired.');
});

test('rejects a user without a group of the mapping', async () => {
  const { browser, finish } = await logIn('guest');
  const response = await finish();
  expect(response.status).toBe(403);
  expect(await response.text()).toContain('oidc:guest has no role in Sluice.');
  expect((await browser.open('/api/session', ofGateway)).status).toBe(401);
});

test('rejects a login that takes too long, and a session of the provider ends', async () => {
  const late = await logIn('root');
  clock.offset += 11 * 60_000;
  expect((await late.finish()).status).toBe(401);
  const { browser, finish } = await logIn('root');
  await finish();
  expect((await browser.open('/api/session', ofGateway)).status).toBe(200);
  clock.offset += 3 * 3_600_000;
  expect((await browser.open('/api/session', ofGateway)).status).toBe(401);
});

test('the login page has a link to the provider', async () => {
  const page = await (await ofGateway('/login?next=/ui/assets', {})).text();
  expect(page).toContain('<a href="/login/oidc?next=%2Fui%2Fassets">');
});
