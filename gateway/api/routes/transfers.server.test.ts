import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startGateway, type TestGateway } from '../../../tests/gateway.ts';
import { signRequest } from '../../../tests/signed-request.ts';

/** More than the sockets of one S3 client. */
const SLOW_UPLOADS = 140;
/** Content-Length of the slow uploads, of which they send one byte. */
const DECLARED_BYTES = 1_000_000;

let gateway: TestGateway;
let url: string;
let slow: ClientRequest[] = [];
beforeEach(async () => {
  gateway = await startGateway({}, { MAX_UPLOADS: String(SLOW_UPLOADS) });
  url = await gateway.listen();
});
afterEach(async () => {
  for (const upload of slow) upload.destroy();
  slow = [];
  await gateway.stop();
});

function beginUpload(endpoint: string, path: string, headers: Record<string, string> = {}): ClientRequest {
  const upload = request(endpoint, {
    path,
    method: 'PUT',
    headers: { ...headers, 'content-length': DECLARED_BYTES },
    agent: false,
  });
  upload.on('error', () => undefined);
  upload.write('x');
  slow.push(upload);
  return upload;
}

const put = (key: string) => fetch(`${url}/api/landing/${key}`, { method: 'PUT', body: 'größe' });

test('slow uploads delay no other request, and further uploads get 503 until one has ended', async () => {
  const started = vi.spyOn(gateway.deps.transfers, 'putStream');
  const uploads = Array.from({ length: SLOW_UPLOADS }, (_, index) => beginUpload(url, `/api/landing/slow-${index}`));
  await vi.waitUntil(() => started.mock.calls.length === SLOW_UPLOADS, { timeout: 30_000 });
  await gateway.deps.objects.put('data-lake', 'of a run', 'x');
  expect((await fetch(`${url}/healthz`)).status).toBe(200);

  const refused = await put('one-more');
  expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toEqual([
    503,
    '5',
    {
      error: {
        code: 'TOO_MANY_TRANSFERS',
        message: `The gateway already serves ${SLOW_UPLOADS} uploads.`,
        details: { limit: SLOW_UPLOADS },
      },
    },
  ]);
  uploads[0]?.destroy();
  await expect.poll(async () => (await put('one-more')).status, { timeout: 30_000 }).toBe(201);
});

test('the embedded object store serves other requests during slow uploads', async () => {
  const { S3_ENDPOINT: endpoint = '' } = gateway.deps.env;
  const sockets = Array.from({ length: 2 * SLOW_UPLOADS }, (_, index) => {
    const path = `/landing-zone/slow-${index}`;
    return once(beginUpload(endpoint, path, signRequest(endpoint, 'PUT', path)), 'socket');
  });
  await Promise.all(sockets);
  await gateway.deps.objects.put('landing-zone', 'fast', 'größe');
  const bytes = await gateway.deps.objects.readBytes('landing-zone', 'fast', { maxBytes: 100 });
  expect(bytes.toString()).toBe('größe');
  const path = '/landing-zone';
  const listing = request(endpoint, { path, headers: signRequest(endpoint, 'GET', path) }).end();
  const [response] = (await once(listing, 'response')) as [IncomingMessage];
  expect(await text(response)).toContain('<Key>fast</Key>');
});
