import { once } from 'node:events';
import { type IncomingMessage, request as sendRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { inspectionRequested } from '#shared/events/inspection.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import { JoinedSignal } from '#shared/signals/joined-signal.ts';
import type { Handler } from './context.ts';
import { FunctionMetrics } from './function-metrics.ts';
import { HttpFunctionCaller } from './http-function-caller.ts';
import { type FunctionServer, serveFunctions } from './function-server.ts';
import { InProcessCaller } from './in-process-caller.ts';
import { context, event, inProcess, never, obedient, serveObedient } from '../../tests/fixtures/obedient-function.ts';

let server: FunctionServer;
beforeAll(async () => {
  server = await serveObedient();
});
afterAll(async () => {
  await server.close(0);
});

describe('the HTTP server of functions', () => {
  const post = (headers: Record<string, string>, body: string) =>
    fetch(`http://127.0.0.1:${server.port}/`, { method: 'POST', headers, body });

  test('accepts structured mode and responds in binary mode', async () => {
    const response = await post(
      { 'content-type': 'application/cloudevents+json; charset=utf-8' },
      JSON.stringify(event({ a: 1 })),
    );
    expect([response.status, response.headers.get('ce-id'), response.headers.get('content-type')]).toEqual([
      200,
      'reply/%C3%BC',
      'application/json',
    ]);
    expect(await response.json()).toEqual({ got: { a: 1 } });
  });

  test.each([
    ['CRS_MISSING', 422, null],
    ['STORE_UNAVAILABLE', 503, '7'],
    ['STEP_BUSY', 409, '7'],
  ])('responds to %s with %i', async (fail, status, retryAfter) => {
    const response = await post({ 'content-type': 'application/cloudevents+json' }, JSON.stringify(event({ fail })));
    expect([response.status, response.headers.get('retry-after')]).toEqual([status, retryAfter]);
    expect(await response.json()).toEqual({
      error: { code: fail, message: `${fail} of a b#é.shp`, details: { file: 'a b#é.shp' } },
    });
  });

  test('sends a broker of Knative a short error', async () => {
    const headers = { 'content-type': 'application/cloudevents+json', prefer: 'reply' };
    const response = await post(headers, JSON.stringify(event({ fail: 'CRS_MISSING', long: true })));
    const body = await response.text();
    expect(body.length).toBeLessThanOrEqual(768);
    expect(JSON.parse(body)).toEqual({
      error: { code: 'CRS_MISSING', message: 'CRS_MISSING of a b#é.shp', details: {} },
    });
  });

  test('rejects requests that are not events or are too large', async () => {
    for (const body of ['{}', JSON.stringify(event('x'.repeat(2 ** 21)))]) {
      const response = await post({ 'content-type': 'application/cloudevents+json' }, body);
      expect(response.status).toBe(422);
      expect(await response.json()).toMatchObject({ error: { code: 'EVENT_INVALID' } });
    }
  });

  test('responds to the probes; readiness names an unavailable port', async () => {
    const sick = await serveFunctions({
      functionAt: () => 'sick',
      caller: inProcess,
      listenOn: { port: 0, address: '127.0.0.1' },
      ready: () => Promise.reject(new SluiceError('DATABASE_UNAVAILABLE', 'away')),
      log: SILENT_LOG,
    });
    const get = (port: number, path: string) => fetch(`http://127.0.0.1:${port}${path}`);
    expect((await get(server.port, '/_/health')).status).toBe(200);
    expect((await get(server.port, '/_/ready')).status).toBe(200);
    expect((await get(server.port, '/')).status).toBe(405);
    expect((await get(sick.port, '/_/health')).status).toBe(200);
    const notReady = await get(sick.port, '/_/ready');
    expect([notReady.status, await notReady.json()]).toMatchObject([503, { error: { code: 'DATABASE_UNAVAILABLE' } }]);
    await sick.close(0);
  });

  test('a process of one function counts its calls for Prometheus', async () => {
    const counted = await serveFunctions({
      functionAt: () => 'obedient',
      caller: inProcess,
      listenOn: { port: 0, address: '127.0.0.1' },
      ready: () => Promise.resolve(),
      metrics: new FunctionMetrics(),
      log: SILENT_LOG,
    });
    const url = `http://127.0.0.1:${counted.port}/`;
    const client = new HttpFunctionCaller(() => url);
    await client.invoke('obedient', event({}), { signal: never });
    await expect(client.invoke('obedient', event({ fail: 'CRS_MISSING' }), { signal: never })).rejects.toThrow();
    const text = await (await fetch(`${url}metrics`)).text();
    expect(text).toContain('sluice_function_call_seconds_count{status="200"} 1');
    expect(text).toContain('sluice_function_call_seconds_count{status="422"} 1');
    expect(text).toContain('process_resident_memory_bytes ');
    expect((await fetch(`http://127.0.0.1:${server.port}/metrics`)).status).toBe(405);
    client.close();
    await counted.close(0);
  });

  test.each(['//', '//[', '/%zz', '*', 'http://[/'])(
    'a request with the target %s does not end the process',
    async (path) => {
      const request = sendRequest({ port: server.port, method: 'OPTIONS', path });
      request.end();
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      response.resume();
      expect(response.statusCode).toBe(405);
    },
  );

  test('a disconnected client aborts an inspection, and no other call', async () => {
    const calls: { type: string; signal: AbortSignal }[] = [];
    const end = new AbortController();
    const own = await serveFunctions({
      functionAt: () => 'f',
      caller: {
        invoke: async (_name, { type }, { signal }) => {
          calls.push({ type, signal });
          using ends = new JoinedSignal([signal, end.signal]);
          await once(ends.signal, 'abort');
          return undefined;
        },
      },
      listenOn: { port: 0, address: '127.0.0.1' },
      ready: () => Promise.resolve(),
      log: SILENT_LOG,
    });
    const client = new HttpFunctionCaller(() => `http://127.0.0.1:${own.port}/`);
    const disconnect = new AbortController();
    const inspection = inspectionRequested('s3://landing-zone/größe #1.gpkg', { file: {} }, 'c');
    const sent = [event({}), inspection].map((each) => client.invoke('f', each, { signal: disconnect.signal }));
    await expect.poll(() => calls.map(({ type }) => type).sort()).toEqual([inspection.type, 't'].sort());
    disconnect.abort();
    for (const call of sent) await expect(call).rejects.toMatchObject({ code: 'FUNCTION_UNAVAILABLE' });
    const aborted = () => calls.filter(({ signal }) => signal.aborted).map(({ type }) => type);
    await expect.poll(aborted).toEqual([inspection.type]);
    end.abort();
    client.close();
    await own.close(0);
  });

  test('when it closes, a running call is aborted and gets a response, and no connection stays open', async () => {
    const began = Promise.withResolvers<void>();
    const waiting: Handler = (received, given) => {
      began.resolve();
      return obedient(received, given);
    };
    const own = await serveFunctions({
      functionAt: () => 'w',
      caller: new InProcessCaller(context, { load: () => Promise.resolve(waiting) }),
      listenOn: { port: 0, address: '127.0.0.1' },
      ready: () => Promise.resolve(),
      log: SILENT_LOG,
    });
    const client = new HttpFunctionCaller(() => `http://127.0.0.1:${own.port}/`);
    const call = client.invoke('w', event({ wait: true }), { signal: never });
    call.catch(() => undefined);
    await began.promise;
    await own.close(10);
    await expect(call).rejects.toMatchObject({ code: 'FUNCTION_UNAVAILABLE', message: 'stopping' });
    await expect(client.invoke('w', event({}), { signal: never })).rejects.toMatchObject({
      code: 'FUNCTION_UNAVAILABLE',
    });
    client.close();
  });
});
