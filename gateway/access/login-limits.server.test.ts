import { expect, test } from 'vitest';
import { AccessGateway, basic, bearer, errorOf, TOKEN } from '../../tests/fixtures/access-gateway.ts';

const site = new AccessGateway();
const { lines } = site.log;

test('failed logins are limited, also with the right password, and logged in bounded entries', async () => {
  lines.length = 0;
  const statuses = [];
  for (let n = 0; n < 12; n += 1)
    statuses.push((await site.logIn('viewer-user', `wrong password ${n}`)).response.status);
  expect(statuses).toEqual([...Array<number>(10).fill(401), 429, 429]);
  const right = await site.logIn('viewer-user');
  expect([right.response.status, right.cookie]).toEqual([429, '']);
  expect(Number(right.response.headers.get('retry-after'))).toBeGreaterThan(60);
  const api = await site.send('GET', '/api/runs', basic('viewer-user', 'wrong'));
  expect(await errorOf(api)).toEqual([429, 'TOO_MANY_ATTEMPTS']);
  const system = await site.send('GET', '/system/functions', basic('viewer-user', 'wrong'));
  expect([system.status, Number(system.headers.get('retry-after'))]).toEqual([429, expect.any(Number)]);
  expect((await site.logIn('operator-user')).response.status).toBe(303);
  const logged = lines.filter(({ msg }) => msg === 'Login:Check:Failed');
  expect(logged.length).toBeLessThanOrEqual(1);
  expect(JSON.stringify(lines)).not.toContain('wrong password');
});

test('wrong tokens are limited and not logged one by one, and right tokens and passwords still work', async () => {
  lines.length = 0;
  const wrong = () => site.send('GET', '/api/runs', bearer('sluice_wrong'));
  for (let n = 0; n < 25; n += 1) {
    expect((await wrong()).status).toBe(401);
    expect((await site.send('POST', n % 2 === 0 ? '/events' : '/webhooks/minio', bearer(`wrong ${n}`))).status).toBe(
      401,
    );
  }
  expect(await errorOf(await wrong())).toEqual([429, 'TOO_MANY_ATTEMPTS']);
  for (const path of ['/events', '/webhooks/minio'])
    expect(await errorOf(await site.send('POST', path, bearer('wrong')))).toEqual([429, 'TOO_MANY_ATTEMPTS']);
  expect((await site.send('GET', '/api/runs', bearer(site.tokenOf('viewer')))).status).toBe(200);
  expect((await site.send('POST', '/events', bearer(TOKEN))).status).toBe(400);
  expect((await site.send('POST', '/webhooks/minio', bearer(TOKEN), '{}')).status).toBe(200);
  expect((await site.logIn('viewer-user')).response.status).toBe(303);
  expect(lines.filter(({ msg }) => msg === 'Request:Handle:Failed')).toEqual([]);
  expect(lines.filter(({ msg }) => msg === 'Login:Check:Failed').length).toBeLessThanOrEqual(1);
});

test('concurrent requests with the same right password are checked once', async () => {
  const requests = Array.from({ length: 30 }, async () => site.send('GET', '/api/runs', basic('viewer-user')));
  expect((await Promise.all(requests)).map(({ status }) => status)).toEqual(Array(30).fill(200));
});

test('failed requests to the OpenID provider are limited, and logged in bounded entries', async () => {
  lines.length = 0;
  const ask = async () => (await site.send('GET', '/login/oidc')).status;
  for (let n = 0; n < 50; n += 1) expect(await ask()).toBe(503);
  expect(await ask()).toBe(429);
  for (let n = 0; n < 50; n += 1) await site.send('GET', '/login/oidc/callback?code=x&state=y');
  expect(lines.length).toBeLessThanOrEqual(2);
  expect((await site.logIn('viewer-user')).response.status).toBe(303);
});
