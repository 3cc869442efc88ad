import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startGateway, type TestGateway } from '../../../tests/gateway.ts';
import { landingKey } from './landing.ts';

const MAX_FILE_BYTES = 200_000_000;
let gateway: TestGateway;
let url: string;

beforeAll(async () => {
  gateway = await startGateway({}, { MAX_FILE_BYTES: String(MAX_FILE_BYTES) });
  url = await gateway.listen();
});
afterAll(() => gateway.stop());

test('uploads a file with special characters in its name', async () => {
  const key = 'b1/Straßen #1 + é 🗺.zip';
  const reply = await fetch(`${url}/api/landing/${key.split('/').map(encodeURIComponent).join('/')}`, {
    method: 'PUT',
    body: 'content',
    headers: { 'content-type': 'application/zip' },
  });
  expect([reply.status, await reply.json()]).toEqual([201, { path: `s3://landing-zone/${key}`, key, size_bytes: 7 }]);
  expect((await gateway.deps.objects.readBytes('landing-zone', key, { maxBytes: 100 })).toString()).toBe('content');
  expect((await gateway.deps.objects.head('landing-zone', key))?.contentType).toBe('application/zip');
});

test('uploads an empty file', async () => {
  const reply = await fetch(`${url}/api/landing/empty.csv`, { method: 'PUT', body: '' });
  expect(reply.status).toBe(201);
  expect(await gateway.deps.objects.head('landing-zone', 'empty.csv')).toMatchObject({ size: 0 });
});

test('uploads a large file unchanged', async () => {
  const size = 30_000_000;
  const sent = createHash('sha256');
  const reply = await put('large.bin', size, Readable.from(chunks(size, (chunk) => sent.update(chunk))));
  expect(reply).toBe(201);
  const stored = createHash('sha256');
  for await (const chunk of await gateway.deps.objects.read('landing-zone', 'large.bin'))
    stored.update(chunk as Buffer);
  expect(stored.digest('hex')).toBe(sent.digest('hex'));
});

test('stores nothing of an interrupted upload', async () => {
  for (const size of [1_000_000, 30_000_000]) {
    const broken = put(`broken-${size}.bin`, size, Readable.from(chunks(size / 2)), { breakOff: true });
    await expect(broken).rejects.toThrow();
  }
  // When a later upload is stored, the gateway has handled the interrupted ones.
  expect(await put('after.bin', 3, Readable.from([Buffer.from('abc')]))).toBe(201);
  await vi.waitFor(async () => {
    const keys = [];
    for await (const { key } of gateway.deps.objects.list('landing-zone', '')) keys.push(key);
    expect(keys).toContain('after.bin');
    expect(keys.filter((key) => key.startsWith('broken'))).toEqual([]);
  });
});

test('rejects an upload without a length, a file that is too large, and an invalid key', async () => {
  const chunked = await fetch(`${url}/api/landing/a.bin`, {
    method: 'PUT',
    body: Readable.toWeb(Readable.from([Buffer.from('abc')])) as ReadableStream,
    duplex: 'half',
  } as RequestInit);
  expect([chunked.status, await chunked.json()]).toMatchObject([411, { error: { code: 'LENGTH_REQUIRED' } }]);
  expect(await put('b.bin', MAX_FILE_BYTES + 1, Readable.from([]), { breakOff: true })).toBe(413);
  expect((await fetch(`${url}/api/landing/a%2F..%2Fb`, { method: 'PUT', body: 'x' })).status).toBe(400);
  expect((await fetch(`${url}/api/landing/`, { method: 'PUT', body: 'x' })).status).toBe(400);
});

test('rejects an upload by a page of another site', async () => {
  const reply = await fetch(`${url}/api/landing/c.bin`, {
    method: 'PUT',
    body: 'x',
    headers: { origin: 'https://evil.example' },
  });
  expect(reply.status).toBe(403);
});

test.each([
  ['b1/roads.zip', 'b1/roads.zip'],
  ['manifests/Roads%20%231%20%C3%A9%20%F0%9F%97%BA.json', 'manifests/Roads #1 é 🗺.json'],
  ['a+b%2Bc.zip', 'a+b+c.zip'],
  ['a%2Fb', 'a/b'],
])('decodes the path %s to the key %s', (path, key) => {
  expect(landingKey(path)).toBe(key);
});

test.each([
  '',
  'a//b',
  '/a',
  'a/',
  'a/..%2Fb',
  '%2e%2e/a',
  './a',
  'a%00b',
  'a%0Ab',
  'é'.repeat(513),
  `${'é'.repeat(115)}.zip`,
  'archive/manifests/b1.json',
])('rejects the path %j', (path) => {
  expect(() => landingKey(path)).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }));
});

const CHUNK_BYTES = 1_000_000;

function* chunks(size: number, see: (chunk: Buffer) => void = () => undefined) {
  for (let at = 0; at < size; at += CHUNK_BYTES) {
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, size - at), at / CHUNK_BYTES);
    see(chunk);
    yield chunk;
  }
}

/**
 * Uploads with the Content-Length `size`. With `breakOff`, the connection is closed after the body. Resolves to the
 * status.
 */
function put(key: string, size: number, body: Readable, options: { breakOff?: boolean } = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const upload = request(
      `${url}/api/landing/${key}`,
      { method: 'PUT', headers: { 'content-length': size } },
      (reply) => {
        reply.resume();
        resolve(reply.statusCode ?? 0);
      },
    );
    upload.on('error', reject);
    body.pipe(upload, { end: options.breakOff !== true });
    if (options.breakOff)
      body.on('end', () => {
        if (size <= MAX_FILE_BYTES) upload.destroy();
      });
    if (size > MAX_FILE_BYTES) upload.flushHeaders();
  });
}
