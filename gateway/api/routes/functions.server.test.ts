import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { makeEvent, type SluiceEvent } from '#shared/events/event.ts';
import { readEvent, writeEvent } from '#shared/events/http.ts';
import { startGateway, type TestGateway } from '../../../tests/gateway.ts';

const RUN = '0d4a1f6e-2f64-8c11-9a3e-0123456789ab';
const received: SluiceEvent[] = [];
let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({
    answer: {
      topic: 'none',
      run: async (event) => makeEvent('sluice.run.succeeded', RUN, { run_id: RUN }, { cause: event.id }),
    },
    listen: {
      topic: 'sluice.run.succeeded,test.plain',
      run: async (event) => {
        received.push(event);
        return undefined;
      },
    },
    refuse: {
      topic: 'none',
      run: async () => {
        throw new SluiceError('RUN_NOT_FOUND', 'Run x does not exist.');
      },
    },
    busy: {
      topic: 'none',
      run: async () => {
        throw new SluiceError('STEP_BUSY', 'Busy.', { retryAfterSeconds: 2 });
      },
    },
    offline: {
      topic: 'none',
      run: async () => {
        throw new SluiceError('STORE_UNAVAILABLE', 'Unavailable.');
      },
    },
  });
});
afterAll(() => gateway.stop());

const event = (id: string, type = 'test.plain'): SluiceEvent => ({
  specversion: '1.0',
  id,
  source: '/test',
  type,
  time: '2026-01-02T03:04:05.000Z',
  datacontenttype: 'application/json',
  data: { größe: 1 },
});

function send(path: string, sent: SluiceEvent, headers: Record<string, string> = {}, method = 'POST') {
  const { headers: binary, body } = writeEvent(sent);
  return gateway.app.request(path, { method, headers: { ...binary, ...headers }, body });
}

test('/events accepts binary and structured events, and ignores a repeated id', async () => {
  expect((await send('/events', event('binary'))).status).toBe(202);
  const structured = {
    method: 'POST',
    headers: { 'content-type': 'application/cloudevents+json' },
    body: JSON.stringify(event('structured')),
  };
  expect(await (await gateway.app.request('/events', structured)).json()).toEqual({
    id: 'structured',
    type: 'test.plain',
  });
  expect((await gateway.app.request('/events', structured)).status).toBe(202);
  await send('/events', event('last'));
  await vi.waitFor(() => expect(received.map(({ id }) => id)).toContain('last'));
  expect(received.filter(({ id }) => id === 'structured')).toHaveLength(1);
});

test('/events rejects invalid and too large events', async () => {
  const reply = await gateway.app.request('/events', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  expect(reply.status).toBe(400);
  expect(await reply.json()).toMatchObject({ error: { code: 'EVENT_INVALID' } });
  expect(
    (
      await gateway.app.request('/events', {
        method: 'POST',
        headers: { 'content-type': 'application/cloudevents+json' },
        body: 'x'.repeat(2 * 1024 * 1024),
      })
    ).status,
  ).toBe(413);
});

test('/events rejects events of steps without a run, so that they do not become dead letters', async () => {
  const exported = (data: unknown) => send('/events', { ...event('forged'), type: 'sluice.asset.exported', data });
  const [invalid, unknown] = [await exported({}), await exported({ run_id: '00000000-0000-4000-8000-00000000000a' })];
  expect([invalid.status, unknown.status]).toEqual([400, 404]);
  expect(await invalid.json()).toMatchObject({ error: { code: 'EVENT_INVALID' } });
  expect(await unknown.json()).toMatchObject({ error: { code: 'RUN_NOT_FOUND' } });
});

test.each(['/function/answer', '/function/answer.openfaas-fn', '/function/answer/some/path'])(
  '%s returns the reply event in binary mode',
  async (path) => {
    const reply = await send(path, event('call'), { 'x-call-id': 'mine' });
    expect(reply.status).toBe(200);
    expect(reply.headers.get('x-call-id')).toBe('mine');
    expect(reply.headers.get('x-start-time')).toMatch(/^\d{13}000000$/);
    expect(Number(reply.headers.get('x-duration-seconds'))).toBeGreaterThanOrEqual(0);
    expect(readEvent(Object.fromEntries(reply.headers), await reply.text())).toMatchObject({
      type: 'sluice.run.succeeded',
      subject: RUN,
      data: { run_id: RUN },
    });
  },
);

test('returns 200 with an empty body if there is no reply', async () => {
  const reply = await send('/function/listen', event('silent'));
  expect([reply.status, await reply.text()]).toEqual([200, '']);
});

test('does not publish the reply of a synchronous call', async () => {
  await send('/function/answer', event('not published'));
  await send('/events', event('marker'));
  await vi.waitFor(() => expect(received.map(({ id }) => id)).toContain('marker'));
  expect(received.map(({ type }) => type)).not.toContain('sluice.run.succeeded');
});

test.each([
  ['refuse', 422, 'RUN_NOT_FOUND', null],
  ['busy', 409, 'STEP_BUSY', '2'],
  ['offline', 503, 'STORE_UNAVAILABLE', '1'],
])('returns the error of %s with status %i', async (name, status, code, retryAfter) => {
  const reply = await send(`/function/${name}`, event('fails'), {}, 'PUT');
  expect(reply.status).toBe(status);
  expect(reply.headers.get('retry-after')).toBe(retryAfter);
  expect(await reply.json()).toMatchObject({ error: { code } });
});

test('returns 404 for an unknown function and 400 for a call without an event', async () => {
  expect((await send('/function/unknown', event('x'))).status).toBe(404);
  expect((await send('/async-function/unknown', event('x'))).status).toBe(404);
  expect((await send('/function/answer.staging', event('x'))).status).toBe(404);
  expect((await gateway.app.request('/function/answer')).status).toBe(400);
});

test('/async-function returns immediately, publishes the reply and posts the callback', async () => {
  const calls: { headers: Record<string, unknown>; body: string }[] = [];
  const caller = createServer((request, response) => {
    let body = '';
    request
      .on('data', (chunk: Buffer) => {
        body += chunk.toString();
      })
      .on('end', () => {
        calls.push({ headers: request.headers, body });
        response.end();
      });
  }).listen(0, '127.0.0.1');
  await new Promise((done) => caller.once('listening', done));
  const callback = `http://127.0.0.1:${(caller.address() as AddressInfo).port}/done`;
  const reply = await send('/async-function/answer', event('later'), { 'x-callback-url': callback });
  expect(reply.status).toBe(202);
  const callId = reply.headers.get('x-call-id');
  expect(callId).toMatch(/^[0-9a-f-]{36}$/);
  await vi.waitFor(() => expect(calls).toHaveLength(1), { timeout: 10_000 });
  expect(calls[0]?.headers).toMatchObject({
    'x-call-id': callId,
    'x-function-status': '200',
    'x-function-name': 'answer',
    'ce-type': 'sluice.run.succeeded',
  });
  await vi.waitFor(() => expect(received.map(({ type }) => type)).toContain('sluice.run.succeeded'));
  await new Promise((done) => caller.close(done));
});

test('rejects a callback URL that is not http or https', async () => {
  expect((await send('/async-function/answer', event('x'), { 'x-callback-url': 'file:///etc/passwd' })).status).toBe(
    400,
  );
});

test('counts calls by function and status', async () => {
  await send('/function/refuse', event('counted'));
  const text = await (await gateway.app.request('/metrics')).text();
  expect(text).toMatch(/^gateway_function_invocation_total\{function_name="refuse\.openfaas-fn",code="422"\} \d+$/m);
  expect(text).toContain('sluice_deliveries_total');
});
