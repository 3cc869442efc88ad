import { mkdtempSync } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, expect, test } from 'vitest';
import { testEnv } from '../../tests/servers.ts';
import { openObjectStore } from './s3.ts';

/** Servers that cannot be reached, or that fail. */

const BUCKET = 'landing-zone';
const never = new AbortController().signal;
const folder = mkdtempSync(join(tmpdir(), 'sluice-storage-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

test('a server that cannot be reached is STORE_UNAVAILABLE', async () => {
  const objects = openObjectStore(testEnv({ S3_ENDPOINT: 'http://127.0.0.1:1' }));
  await expect(objects.ping()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  await expect(objects.head(BUCKET, 'a')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  await expect(Array.fromAsync(objects.list(BUCKET, ''))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  objects.close();
});

test.each([
  [503, 'SlowDown', 'STORE_UNAVAILABLE'],
  [507, 'XMinioStorageFull', 'DISK_FULL'],
  [403, 'AccessDenied', 'STORE_DENIED'],
  [400, 'EntityTooLarge', 'REQUEST_INVALID'],
])('status %i %s is %s', async (status, code, expected) => {
  const server = createServer((_request, reply) =>
    reply
      .writeHead(status, { 'content-type': 'application/xml' })
      .end(`<Error><Code>${code}</Code><Message>no</Message></Error>`),
  );
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const objects = openObjectStore(
    testEnv({ S3_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }),
  );
  await expect(objects.put(BUCKET, 'a b.txt', 'x')).rejects.toMatchObject({
    code: expected,
    details: { bucket: BUCKET, key: 'a b.txt' },
  });
  objects.close();
  server.close();
});

test('a stream that pauses before its first byte is stored, although the server closes unused connections', async () => {
  const stored: string[] = [];
  const server = createServer((upload, reply) => {
    void upload.setEncoding('utf8').on('data', (text: string) => stored.push(text));
    // With this header, Node.js does not announce the limit to the client, like other servers.
    upload.on('end', () => reply.setHeader('connection', 'keep-alive').end());
  });
  server.keepAliveTimeout = 500;
  server.keepAliveTimeoutBuffer = 0;
  const closed = new Promise((done) => server.on('connection', (socket) => socket.on('close', done)));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const objects = openObjectStore(
    testEnv({ S3_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }),
  );
  await objects.put(BUCKET, 'opens a connection', '');
  async function* paused() {
    await closed;
    yield Buffer.from('after the pause');
  }
  const options = { size: 15, contentType: 'x/y', signal: never };
  await objects.putStream(BUCKET, 'paused', Readable.from(paused()), options);
  expect(stored.join('')).toBe('after the pause');
  objects.close();
  server.close();
});

test('an incomplete reply is STORE_UNAVAILABLE and leaves no file', async () => {
  const server = createServer((_request, reply) => {
    reply.writeHead(200, { 'content-length': '1000' }).write('half');
    setImmediate(() => reply.destroy());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const objects = openObjectStore(
    testEnv({ S3_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }),
  );
  const path = join(folder, 'half.bin');
  await expect(objects.download(BUCKET, 'half', path, { maxBytes: 1e6, signal: never })).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
  });
  await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
  objects.close();
  server.close();
});

test('opening without S3_ENDPOINT is CONFIG_INVALID', () => {
  expect(() => openObjectStore(testEnv())).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});
