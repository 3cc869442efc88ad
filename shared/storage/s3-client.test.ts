import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createAgent } from './s3-client.ts';

/** Longer than a test, which emits the timeout itself. */
const NEVER_MS = 600_000;

async function open(handle: RequestListener, stallMs = NEVER_MS) {
  const server = createServer(handle).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const agent = createAgent('http:', { keepAlive: true }, stallMs);
  onTestFinished(() => {
    agent.destroy();
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return (options: object = {}) => request({ port, host: '127.0.0.1', agent, ...options });
}

test.each<[string, RequestListener]>([
  ['does not answer', () => undefined],
  ['stops in the middle of its response', (_request, response) => void response.write('half')],
])('a request fails when the server %s', async (_case, handle) => {
  const send = await open(handle, 100);
  const call = send();
  const failed = new Promise((resolve) => {
    call.on('error', resolve).on('response', (response: IncomingMessage) => response.on('error', resolve).resume());
  });
  call.end();
  // After the head of the response, the response fails, too.
  expect(['The server made no progress for 0.1 s.', 'aborted']).toContain(((await failed) as Error).message);
});

test('an upload whose source pauses is kept', async () => {
  const send = await open((upload, response) => {
    upload.resume().on('end', () => response.end('stored'));
  });
  const upload = send({ method: 'PUT', headers: { 'content-length': 10 } });
  upload.write('12345');
  await vi.waitUntil(() => upload.socket?.writableLength === 0 && upload.socket.bytesWritten > 0);
  upload.socket?.emit('timeout');
  upload.end('67890');
  const [response] = (await once(upload, 'response')) as [IncomingMessage];
  expect(response.statusCode).toBe(200);
});

test('a download whose reader pauses is kept', async () => {
  const size = 2 ** 22;
  const send = await open((_request, response) => response.end(Buffer.alloc(size)));
  const call = send();
  call.end();
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  await vi.waitUntil(() => response.readableLength > 0);
  call.socket?.emit('timeout');
  let received = 0;
  for await (const chunk of response) received += (chunk as Buffer).length;
  expect(received).toBe(size);
});

test('a connection is used again without the limit of its last request', async () => {
  const send = await open((_request, response) => response.end());
  for (let count = 0; count < 20; count += 1) {
    const call = send();
    call.end();
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    const { socket } = call;
    await once(response.resume(), 'end');
    await vi.waitUntil(() => call.closed);
    expect(socket?.listenerCount('timeout')).toBeLessThan(4);
  }
});
