import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { clientAddress } from './client.ts';

async function addressOf(forwarded: string, proxies = 1): Promise<string> {
  const app = new Hono().get('/', (c) => c.text(clientAddress(c, { TRUSTED_PROXIES: proxies })));
  const incoming = { socket: { remoteAddress: '127.0.0.1' } };
  const response = await app.request('/', { headers: { 'x-forwarded-for': forwarded } }, { incoming });
  return response.text();
}

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['198.51.100.1, 192.0.2.1:4711', '192.0.2.1'],
  ['2001:db8::1', '2001:db8::1'],
  ['[2001:db8::1]', '2001:db8::1'],
  ['[2001:db8::1]:4711', '2001:db8::1'],
  ['unknown', '127.0.0.1'],
  ['_hidden:4711', '127.0.0.1'],
  ['', '127.0.0.1'],
])('the client of X-Forwarded-For: %s is %s', async (forwarded, address) => {
  expect(await addressOf(forwarded)).toBe(address);
});

test('without a trusted proxy, the header is ignored', async () => {
  expect(await addressOf('192.0.2.1', 0)).toBe('127.0.0.1');
});
