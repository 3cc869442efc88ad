import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientRequest, createServer, get, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { closeStalledConnections, listen } from './listen.ts';

/** Longer than a test, which emits the timeout itself. */
const NEVER_MS = 600_000;

async function serve(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  options: Parameters<typeof closeStalledConnections>[1] = { stallMs: NEVER_MS },
) {
  const server = createServer(handle);
  closeStalledConnections(server, options);
  const sockets: Socket[] = [];
  server.on('connection', (socket) => sockets.push(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    server,
    url: `http://127.0.0.1:${port}`,
    port,
    /** What Node.js does after `stallMs` without a byte. Returns whether the connection is kept. */
    timeOut: () => {
      const socket = sockets.at(-1);
      assert(socket);
      server.emit('timeout', socket);
      return !socket.destroyed;
    },
  };
}

/** Begins an upload of 10 bytes and sends 5 of them. */
function beginUpload(url: string): ClientRequest {
  const upload = request(url, { method: 'PUT', headers: { 'content-length': 10 } }).on('error', () => undefined);
  upload.write('12345');
  return upload;
}

test('the duration of a request is not limited', async () => {
  const { server } = await serve(() => undefined);
  expect([server.requestTimeout, server.timeout]).toEqual([0, NEVER_MS]);
});

test('idle connections are kept for a minute, so that clients do not reuse one that is being closed', async () => {
  const listener = await listen({ HOST: '127.0.0.1', PORT: 0 });
  onTestFinished(() => listener.close());
  const [response] = (await once(get(`http://127.0.0.1:${listener.port}`), 'response')) as [IncomingMessage];
  response.resume();
  expect(response.headers['keep-alive']).toBe('timeout=60');
});

test('a client that stops in the middle of an upload is disconnected', async () => {
  const { url } = await serve((upload) => upload.resume(), { stallMs: 100 });
  const upload = beginUpload(url);
  await expect(once(upload, 'close')).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test('an upload that the server has not read yet is kept', async () => {
  let received: IncomingMessage | undefined;
  const { url, timeOut } = await serve((upload, response) => {
    received = upload;
    upload.on('end', () => response.end());
  });
  const upload = beginUpload(url);
  await vi.waitUntil(() => (received?.readableLength ?? 0) > 0);
  expect(timeOut()).toBe(true);
  received?.resume();
  await vi.waitUntil(() => received?.readableLength === 0);
  upload.end('67890');
  const [response] = (await once(upload, 'response')) as [IncomingMessage];
  expect(response.statusCode).toBe(200);
});

test('a request that the server is working on is kept, and its unused connection is closed later', async () => {
  let answer: ServerResponse | undefined;
  const { url, timeOut } = await serve((_request, response) => {
    answer = response;
  });
  const call = get(url);
  await vi.waitUntil(() => answer !== undefined);
  expect(timeOut()).toBe(true);
  answer?.end('done');
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  await once(response.resume(), 'end');
  await vi.waitUntil(() => answer?.writableFinished);
  expect(timeOut()).toBe(false);
});

test.each([
  [{}, false],
  [{ keepSlowReaders: true }, true],
])('a client that does not read its download is disconnected unless %j', async (options, kept) => {
  let answer: ServerResponse | undefined;
  const { port, timeOut } = await serve(
    (_request, response) => {
      answer = response;
      const fill = () => {
        while (response.write(Buffer.alloc(2 ** 20)));
      };
      response.on('drain', fill);
      fill();
    },
    { stallMs: NEVER_MS, ...options },
  );
  const client = connect(port, '127.0.0.1').pause();
  onTestFinished(() => void client.destroy());
  client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  // The buffers of the operating system take a few megabytes.
  let before = -1;
  await vi.waitUntil(
    () => {
      const sent = answer?.socket?.bytesWritten ?? 0;
      const isFull = sent > 0 && sent === before;
      before = sent;
      return isFull;
    },
    { interval: 200 },
  );
  expect(timeOut()).toBe(kept);
});

test('a connection without a request is closed', async () => {
  const { server, port, timeOut } = await serve(() => undefined);
  const client = connect(port, '127.0.0.1');
  onTestFinished(() => void client.destroy());
  await once(server, 'connection');
  expect(timeOut()).toBe(false);
});
