import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EmbeddedObjectStore, startObjectStore } from '../object-store.ts';
import { signRequest } from '../../../tests/signed-request.ts';
import { STORE_KEYS } from '../../../tests/servers.ts';

const OBJECT = '/data-lake/stra%C3%9Fen%20%23%201/a%2Bb.json';
const DELETE_OBJECT = '<Delete><Object><Key>straßen # 1/a+b.json</Key></Object></Delete>';

const directory = mkdtempSync(join(tmpdir(), 'sluice access #é '));
let store: EmbeddedObjectStore;
beforeAll(async () => {
  const buckets = ['landing-zone', 'data-lake'];
  store = await startObjectStore({ directory, port: 0, buckets, keys: STORE_KEYS, publicUrl: 'https://lake.example' });
  expect(await signed('PUT', OBJECT, { body: 'whole' })).toMatchObject({ status: 200 });
});
afterAll(async () => {
  await store.stop();
  await rm(directory, { recursive: true, force: true });
});

interface Options {
  headers?: Record<string, string>;
  body?: string;
}

async function send(method: string, path: string, { headers = {}, body = '' }: Options = {}) {
  const sent = request(store.endpoint, { method, path, headers });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: response.statusCode, body: await text(response) };
}

/** `signedHeaders` are signed, and `headers` are added after that. */
function signed(
  method: string,
  path: string,
  { headers, signedHeaders, body = '' }: Options & { signedHeaders?: Record<string, string> } = {},
) {
  return send(method, path, {
    headers: { ...signRequest(store.endpoint, method, path, signedHeaders), ...headers },
    body,
  });
}

const FORM = {
  headers: {
    origin: 'http://evil.example',
    'sec-fetch-site': 'cross-site',
    'content-type': 'multipart/form-data; boundary=x',
  },
  body: '--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nmanifests/x.json\r\n--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n{}\r\n--x--',
};

test.each<[string, string, string, Options]>([
  ['a form of a web page that deletes', 'POST', '/data-lake?delete', { ...FORM, body: DELETE_OBJECT }],
  ['a form of a web page that uploads', 'POST', '/landing-zone', FORM],
  [
    'a form without Origin',
    'POST',
    '/landing-zone',
    { ...FORM, headers: { 'content-type': FORM.headers['content-type'] } },
  ],
  ['a foreign host', 'GET', '/data-lake?list-type=2', { headers: { host: 'evil.example:9000' } }],
  ['a host that names a bucket', 'GET', '/', { headers: { host: 'data-lake.s3.amazonaws.com' } }],
  [
    'a preflight',
    'OPTIONS',
    OBJECT,
    { headers: { origin: 'http://evil.example', 'access-control-request-method': 'PUT' } },
  ],
  ['a program without keys', 'GET', OBJECT, {}],
  ['a delete without keys', 'DELETE', OBJECT, {}],
  ['a new bucket', 'PUT', '/newbucket', {}],
])('rejects %s without a signature', async (_who, method, path, options) => {
  expect((await send(method, path, options)).status).toBe(403);
});

test.each<[string, string, string, Options, number]>([
  ['a web page', 'GET', OBJECT, { headers: { origin: 'null' } }, 403],
  ['a new bucket', 'PUT', '/newbucket', {}, 403],
  ['an existing bucket', 'PUT', '/data-lake', {}, 409],
  ['the removal of a bucket', 'DELETE', '/data-lake/', {}, 405],
  ['access rules for web pages', 'PUT', '/data-lake?cors', { body: '<CORSConfiguration/>' }, 405],
  ['a website', 'PUT', '/data-lake?website', { body: '<WebsiteConfiguration/>' }, 405],
  ['a form upload', 'POST', '/landing-zone', FORM, 403],
  ['another bucket', 'PUT', '/../escaped', {}, 404],
  ['a folder beside the objects', 'GET', '/%2e%2e/incoming', {}, 404],
  ['an upload id that is a path', 'PUT', '/data-lake/a?partNumber=1&uploadId=..%2F..%2Fx', { body: 'x' }, 404],
])('rejects %s even with a signature', async (_what, method, path, options, status) => {
  expect((await signed(method, path, options)).status).toBe(status);
});

test('the rejected requests changed nothing', async () => {
  expect(await signed('GET', OBJECT)).toEqual({ status: 200, body: 'whole' });
  expect(readdirSync(join(directory, 'objects')).sort()).toEqual(['data-lake', 'landing-zone']);
  expect((await signed('GET', '/landing-zone')).body).not.toContain('<Contents>');
});

test('rejects a changed path, and explains a wrong signature', async () => {
  const headers = signRequest(store.endpoint, 'GET', OBJECT);
  expect(await send('GET', '/data-lake/other', { headers })).toEqual({
    status: 403,
    body:
      '<?xml version="1.0"?>\n<Error><Code>SignatureDoesNotMatch</Code>' +
      '<Message>The signature does not match the request. Check the secret key.</Message></Error>',
  });
});

test('accepts the host names of this machine and of PUBLIC_URL', async () => {
  for (const host of ['localhost:9000', '[::1]:9000', 'lake.example'])
    expect((await signed('GET', OBJECT, { signedHeaders: { host } })).status).toBe(200);
});

test('rejects a body with a hash other than the signed one, and stores nothing', async () => {
  const hash = createHash('sha256').update('größe').digest('hex');
  const put = (body: string) =>
    signed('PUT', '/landing-zone/hash.txt', { signedHeaders: { 'x-amz-content-sha256': hash }, body });
  const rejected = await put('other');
  expect(rejected).toMatchObject({ status: 400, body: expect.stringContaining('x-amz-content-sha256') as string });
  expect((await signed('GET', '/landing-zone/hash.txt')).status).toBe(404);
  expect((await put('größe')).status).toBe(200);
  expect((await signed('GET', '/landing-zone/hash.txt')).body).toBe('größe');
});

test('stores the content of a body in signed chunks without their framing', async () => {
  const signature = `;chunk-signature=${'0'.repeat(64)}\r\n`;
  const put = (key: string, size: number, body: string) =>
    signed('PUT', `/landing-zone/${key}`, {
      signedHeaders: {
        'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
        'x-amz-decoded-content-length': String(size),
        'content-encoding': 'aws-chunked',
      },
      body,
    });
  const body = `5${signature}ab\r\nc\r\nC${signature}${'x'.repeat(12)}\r\n0${signature}x-amz-checksum-crc32:AAAA\r\n\r\n`;
  expect((await put('chunks', 17, body)).status).toBe(200);
  expect((await signed('GET', '/landing-zone/chunks')).body).toBe(`ab\r\nc${'x'.repeat(12)}`);
  for (const wrong of [
    `5${signature}abcde\r\n`,
    `zz${signature}`,
    'x'.repeat(5000),
    `5${signature}abcde\r\n0${signature}`,
  ])
    expect(await put('wrong', 6, wrong)).toMatchObject({ status: 400 });
  expect((await signed('GET', '/landing-zone/wrong')).status).toBe(404);
});
