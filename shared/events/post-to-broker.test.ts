import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SILENT_LOG } from '#shared/log/log.ts';
import { testEvent } from '../../tests/fixtures/router.ts';
import { postToBroker } from './post-to-broker.ts';

let server: Server;
let url: URL;
let ids: (string | string[] | undefined)[];
/** Without an answer, the broker never responds. */
let answer: (response: ServerResponse) => void;

beforeEach(async () => {
  ids = [];
  server = createServer((request, response) => {
    ids.push(request.headers['ce-id']);
    request.resume().on('end', () => answer(response));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/sluice/default`);
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const options = { signal: new AbortController().signal, log: SILENT_LOG, retryDelaysMs: [1, 1] };
const event = testEvent('sluice.run.succeeded', 'é 1');

test('does not repeat a post that the broker received and did not answer in time', async () => {
  answer = () => undefined;
  await postToBroker(url, event, { ...options, responseTimeoutMs: 1_000 });
  expect(ids).toEqual(['%C3%A9%201']);
});

test('does not repeat a post that failed after the time of the retries', async () => {
  answer = (response) => void response.writeHead(404).end();
  await expect(postToBroker(url, event, { ...options, lastAttemptMs: 0 })).rejects.toMatchObject({
    code: 'BROKER_UNAVAILABLE',
    message: `The broker at ${url.href} did not accept the event: status 404.`,
    details: { url: url.href, status: 404 },
  });
  expect(ids).toHaveLength(1);
});

test('ends a post that the broker has not answered when the signal aborts', async () => {
  const stopping = new AbortController();
  answer = () => stopping.abort();
  await expect(postToBroker(url, event, { ...options, signal: stopping.signal })).rejects.toMatchObject({
    code: 'BROKER_UNAVAILABLE',
  });
  expect(ids).toHaveLength(1);
});
