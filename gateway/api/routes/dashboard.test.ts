import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { dashboardRoutes } from './dashboard.ts';

const SCRIPT = 'console.log("sluice");';
const HTML = { headers: { accept: 'text/html' } };

/** A built dashboard, beside a file that must not be served. */
function dashboard() {
  const root = mkdtempSync(join(tmpdir(), 'sluice dashboard #é '));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, 'dist/static'), { recursive: true });
  writeFileSync(join(root, 'secret.txt'), 'secret');
  writeFileSync(join(root, 'dist/.sources'), 'hash');
  writeFileSync(join(root, 'dist/index.html'), '<title>Sluice</title>');
  writeFileSync(join(root, 'dist/static/index-abc123.js'), SCRIPT);
  writeFileSync(join(root, 'dist/static/index-abc123.js.gz'), gzipSync(SCRIPT));
  return dashboardRoutes(join(root, 'dist'));
}

test('redirects browsers from / to the page, and leaves / to other clients', async () => {
  const app = dashboard();
  const redirect = await app.request('/', HTML);
  expect([redirect.status, redirect.headers.get('location')]).toEqual([302, '/ui/']);
  expect((await app.request('/ui', HTML)).headers.get('location')).toBe('/ui/');
  expect((await app.request('/', { headers: { accept: '*/*' } })).status).toBe(404);
});

test.each([
  '/ui/',
  '/ui/runs?status=failure',
  '/ui/datasets/roads.v2',
  '/ui/assets/0123456789abcdef01234567',
  '/ui/datasets/stra%C3%9Fen',
])('returns the page for %s', async (path) => {
  const response = await dashboard().request(path);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toMatch(/^text\/html/);
  expect(response.headers.get('cache-control')).toBe('no-cache');
  expect(await response.text()).toBe('<title>Sluice</title>');
});

test('allows only scripts and styles of the gateway', async () => {
  const policy = (await dashboard().request('/ui/')).headers.get('content-security-policy') ?? '';
  expect(policy.split('; ')).toEqual(
    expect.arrayContaining(["default-src 'self'", "style-src 'self'", "worker-src 'self' blob:"]),
  );
  expect(policy).not.toMatch(/unsafe|https?:|\*/);
});

test('caches a hashed file for a year, compressed if the browser accepts it', async () => {
  const app = dashboard();
  const plain = await app.request('/ui/static/index-abc123.js');
  expect(plain.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
  expect(plain.headers.get('content-type')).toMatch(/javascript/);
  expect(await plain.text()).toBe(SCRIPT);
  const small = await app.request('/ui/static/index-abc123.js', { headers: { 'accept-encoding': 'gzip, br' } });
  expect([small.headers.get('content-encoding'), small.headers.get('vary')]).toEqual(['gzip', 'accept-encoding']);
  expect(gunzipSync(await small.arrayBuffer()).toString()).toBe(SCRIPT);
  expect(small.headers.get('etag')).not.toBe(plain.headers.get('etag'));
});

test('returns 304 without a body for a known ETag', async () => {
  const app = dashboard();
  const etag = (await app.request('/ui/')).headers.get('etag') ?? '';
  expect(etag).toMatch(/^"[\w-]+"$/);
  const response = await app.request('/ui/', { headers: { 'if-none-match': `W/${etag}` } });
  expect([response.status, await response.text()]).toEqual([304, '']);
});

test.each(['/ui/static/missing.js', '/ui/static/..%2f..%2fsecret.txt', '/ui/static/'])(
  'returns 404 for %s',
  async (path) => {
    expect((await dashboard().request(path)).status).toBe(404);
  },
);

test.each(['/ui/..%2fsecret.txt', '/ui/%2e%2e/secret.txt', '/ui/.sources', '/ui/%00'])(
  'does not return a file outside the built ones for %s',
  async (path) => {
    const text = await (await dashboard().request(path)).text();
    expect(text).not.toMatch(/^(secret|hash)$/);
  },
);

test('names the command that builds a missing dashboard', async () => {
  const app = dashboardRoutes(join(tmpdir(), 'sluice-no-dashboard'));
  app.onError((thrown, c) => c.text(thrown.message, 404));
  expect(await (await app.request('/ui/')).text()).toContain('npm run setup');
});
