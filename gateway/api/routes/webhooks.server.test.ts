import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { startGateway, type TestGateway } from '../../../tests/gateway.ts';

const TOKEN = 'a-long-token';
const received: string[] = [];
let gateway: TestGateway;

beforeAll(async () => {
  const run = async (event: { subject?: string }) => {
    received.push(event.subject ?? '');
    return undefined;
  };
  gateway = await startGateway(
    { 'see-upload': { topic: 'com.amazonaws.s3.ObjectCreated:Put', run } },
    { WEBHOOK_TOKEN: TOKEN },
  );
});
afterAll(() => gateway.stop());

function notification(key: string, fields: { requestId?: string; eventName?: string; bucket?: string } = {}) {
  return {
    EventName: 's3:ObjectCreated:Put',
    Records: [
      {
        eventSource: 'minio:s3',
        awsRegion: '',
        eventTime: '2026-01-02T03:04:05Z',
        eventName: fields.eventName ?? 's3:ObjectCreated:Put',
        responseElements: { 'x-amz-request-id': fields.requestId ?? key, 'x-amz-id-2': 'host' },
        s3: {
          bucket: { name: fields.bucket ?? 'landing-zone' },
          object: { key: encodeURIComponent(key).replaceAll('%20', '+'), eTag: 'e', sequencer: '1' },
        },
      },
    ],
  };
}

async function post(body: unknown, token: string | undefined = TOKEN) {
  const headers = {
    'content-type': 'application/json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  return gateway.app.request('/webhooks/minio', {
    method: 'POST',
    headers,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

async function counted(outcome: string): Promise<number> {
  const text = await (await gateway.app.request('/metrics')).text();
  return Number(new RegExp(`^sluice_notifications_total\\{outcome="${outcome}"\\} (\\d+)`, 'm').exec(text)?.[1] ?? 0);
}

test('publishes the upload of a manifest once, even if the notification is repeated', async () => {
  const key = 'manifests/Roads #1 + é 🗺.json';
  const replies = await Promise.all(Array.from({ length: 20 }, () => post(notification(key))));
  expect(replies.map((reply) => reply.status)).toEqual(Array.from({ length: 20 }, () => 200));
  await vi.waitFor(() => expect(received).toContain(key));
  await post(notification('manifests/after.json'));
  await vi.waitFor(() => expect(received).toContain('manifests/after.json'));
  expect(received.filter((subject) => subject === key)).toHaveLength(1);
});

test('acknowledges and ignores other objects', async () => {
  const before = await counted('ignored');
  const others = [
    notification('roads/a.zip'),
    notification('manifests/a.txt'),
    notification('manifests/b.json', { bucket: 'data-lake' }),
    notification('manifests/c.json', { eventName: 's3:ObjectRemoved:Delete' }),
    notification('archive/manifests/d.json'),
  ];
  for (const body of others) expect(await (await post(body)).json()).toEqual({ routed: 0 });
  expect(await counted('ignored')).toBe(before + others.length);
});

test.each([
  ['not JSON', '{"Records":['],
  ['no records', { a: 1 }],
  ['a record without key', { Records: [{ s3: {} }] }],
  ['a NUL in the key', notification('manifests/a\u0000.json')],
  ['a lone surrogate', JSON.stringify(notification('manifests/x.json')).replace('"host"', '"\\ud800"')],
  ['2 MB', `"${'x'.repeat(2 * 1024 * 1024)}"`],
])('acknowledges and counts an invalid body: %s', async (_what, body) => {
  const before = await counted('invalid');
  expect((await post(body)).status).toBe(200);
  expect(await counted('invalid')).toBe(before + 1);
});

test('rejects a wrong or missing token', async () => {
  for (const token of ['', 'wrong', `${TOKEN}x`]) {
    const reply = await post(notification('manifests/x.json'), token);
    expect(reply.status).toBe(401);
    expect(await reply.json()).toEqual({
      error: {
        code: 'UNAUTHORIZED',
        message: 'The bearer token for /webhooks/minio is missing or does not match WEBHOOK_TOKEN.',
        details: {},
      },
    });
  }
});

test('is disabled if WEBHOOK_TOKEN is not set', async () => {
  const closed = await startGateway();
  try {
    const reply = await closed.app.request('/webhooks/minio', {
      method: 'POST',
      headers: { authorization: 'Bearer ' },
      body: '{}',
    });
    expect(reply.status).toBe(401);
    expect(await reply.json()).toMatchObject({
      error: { message: expect.stringContaining('/webhooks/minio is disabled, because WEBHOOK_TOKEN') as string },
    });
  } finally {
    await closed.stop();
  }
});

test('returns 503 while the database is unavailable, so that MinIO keeps the notification', async () => {
  const unavailable = await startGateway(
    { f: { topic: 'com.amazonaws.s3.ObjectCreated:Put', run: async () => undefined } },
    { WEBHOOK_TOKEN: TOKEN },
  );
  await unavailable.deps.router.stop();
  try {
    const reply = await unavailable.app.request('/webhooks/minio', {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify(notification('manifests/x.json')),
    });
    expect(reply.status).toBe(503);
    expect(reply.headers.get('retry-after')).toBe('1');
  } finally {
    await unavailable.stop();
  }
});

test('event and function routes need the token when other machines can reach the gateway', async () => {
  const reachable = await startGateway(
    { answer: { topic: 'none', run: async () => undefined } },
    { HOST: '0.0.0.0', WEBHOOK_TOKEN: TOKEN },
  );
  onTestFinished(() => reachable.stop());
  const event = JSON.stringify({ specversion: '1.0', id: '1', source: '/test', type: 'test.plain', data: {} });
  const status = async (path: string, headers: Record<string, string> = {}) => {
    const request = { method: 'POST', body: event };
    const json = { 'content-type': 'application/cloudevents+json', ...headers };
    return (await reachable.app.request(path, { ...request, headers: json })).status;
  };
  for (const path of ['/events', '/function/answer', '/function/answer/x', '/async-function/answer']) {
    expect([path, await status(path)]).toEqual([path, 401]);
    expect([path, await status(path, { authorization: `Bearer ${TOKEN}` })]).not.toEqual([path, 401]);
  }
});
