import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, request as sendRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseEnv } from '#shared/config/env.ts';
import { readStack } from '#shared/config/stack.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { inspectionRequested } from '#shared/events/inspection.ts';
import { writeEvent } from '#shared/events/http.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import { JoinedSignal } from '#shared/signals/joined-signal.ts';
import type { Context, Handler } from './context.ts';
import { FunctionMetrics } from './function-metrics.ts';
import { type FunctionCaller, SETTINGS_HEADER } from './function-caller.ts';
import { functionUrls, HttpFunctionCaller } from './http-function-caller.ts';
import { type FunctionServer, serveFunctions } from './function-server.ts';
import { InProcessCaller, loadHandler } from './in-process-caller.ts';

const event = (data: unknown): SluiceEvent => ({
  specversion: '1.0',
  id: 'a/é 1',
  source: '/test',
  type: 't',
  subject: 'größe',
  time: '2026-01-02T03:04:05Z',
  datacontenttype: 'application/json',
  data,
});
const never = new AbortController().signal;

/** A handler that executes the instructions in the event. It uses no port. */
const obedient: Handler = async (received, { signal }) => {
  const { fail, long, wait, silent } = received.data as {
    fail?: 'CRS_MISSING' | 'STORE_UNAVAILABLE' | 'STEP_BUSY';
    long?: boolean;
    wait?: boolean;
    silent?: boolean;
  };
  if (fail)
    throw new SluiceError(fail, `${fail} of a b#é.shp`, {
      details: { file: 'a b#é.shp', ...(long ? { rows: 'x'.repeat(900) } : {}) },
      retryAfterSeconds: fail === 'CRS_MISSING' ? undefined : 7,
    });
  if (wait) {
    if (!signal.aborted) await once(signal, 'abort');
    throw new SluiceError('FUNCTION_UNAVAILABLE', 'stopping');
  }
  return silent ? undefined : { ...received, id: 'reply/ü', data: { got: received.data } };
};
// The handler uses only `signal` of the context.
const context = { log: SILENT_LOG, signal: never } as Context;
const inProcess = new InProcessCaller(context, {
  load: (name) => (name === 'obedient' ? Promise.resolve(obedient) : loadHandler(name)),
});

let server: FunctionServer;
const http = new HttpFunctionCaller(() => `http://127.0.0.1:${server.port}/`);
beforeAll(async () => {
  server = await serveFunctions({
    functionAt: () => 'obedient',
    caller: inProcess,
    listenOn: { port: 0, address: '127.0.0.1' },
    ready: () => Promise.resolve(),
    log: SILENT_LOG,
  });
});
afterAll(async () => {
  http.close();
  await server.close(0);
});

describe.each<[string, FunctionCaller]>([
  ['in process', inProcess],
  ['over HTTP', http],
])('a function %s', (_where, caller) => {
  test('returns its reply event', async () => {
    expect(await caller.invoke('obedient', event({ name: 'Dùn Èideann 😀' }), { signal: never })).toEqual({
      ...event({ got: { name: 'Dùn Èideann 😀' } }),
      id: 'reply/ü',
    });
  });

  test('can return nothing', async () => {
    expect(await caller.invoke('obedient', event({ silent: true }), { signal: never })).toBeUndefined();
  });

  test.each([
    ['CRS_MISSING', false, undefined],
    ['STORE_UNAVAILABLE', true, 7],
    ['STEP_BUSY', true, 7],
  ] as const)('fails with %s, and states whether a retry can succeed', async (fail, retryable, retryAfterSeconds) => {
    await expect(caller.invoke('obedient', event({ fail }), { signal: never })).rejects.toMatchObject({
      code: fail,
      message: `${fail} of a b#é.shp`,
      details: { file: 'a b#é.shp' },
      retryable,
      retryAfterSeconds,
    });
  });

  test('is aborted by the signal', async () => {
    const stop = new AbortController();
    const call = caller.invoke('obedient', event({ wait: true }), { signal: stop.signal });
    stop.abort();
    await expect(call).rejects.toMatchObject({ code: 'FUNCTION_UNAVAILABLE' });
  });
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

test('each line that a function logs names the function', async () => {
  const lines: unknown[] = [];
  const log = pino({}, { write: (line) => void lines.push(JSON.parse(line)) });
  const logging: Handler = async (_event, own) => {
    own.log.info({ run_id: 'r' }, 'Step:Execute:Done');
    return undefined;
  };
  const caller = new InProcessCaller({ ...context, log }, { load: () => Promise.resolve(logging) });
  await caller.invoke('export-cog', event({}), { signal: never });
  expect(lines).toMatchObject([{ function: 'export-cog', run_id: 'r', msg: 'Step:Execute:Done' }]);
});

describe('the HTTP client', () => {
  test('a reply that is not an event is a permanent error that names the function', async () => {
    const plain = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
    await once(plain, 'listening');
    const client = new HttpFunctionCaller(
      functionUrls(`http://127.0.0.1:${(plain.address() as AddressInfo).port}/{name}`),
    );
    await expect(client.invoke('load-to-postgis', event({}), { signal: never })).rejects.toMatchObject({
      code: 'EVENT_INVALID',
      message: expect.stringContaining('The reply of function load-to-postgis is not a CloudEvent') as string,
    });
    client.close();
    plain.close();
  });

  test('an idle connection that the function closed is opened again', async () => {
    let connections = 0;
    const brief = createServer((request, response) => {
      request.resume().on('end', () => response.end());
    }).listen(0, '127.0.0.1');
    brief.on('connection', (socket) => {
      connections += 1;
      if (connections === 1)
        socket.on('data', () => {
          if (socket.bytesRead > 1_000) socket.destroy();
        });
    });
    await once(brief, 'listening');
    const client = new HttpFunctionCaller(() => `http://127.0.0.1:${(brief.address() as AddressInfo).port}/`);
    await client.invoke('f', event({}), { signal: never });
    await client.invoke('f', event({ long: 'x'.repeat(2_000) }), { signal: never }); // Destroys the first connection.
    expect(connections).toBe(2);
    client.close();
    brief.close();
  });

  test('an unknown name is FUNCTION_NOT_FOUND, without a request', async () => {
    await expect(
      new HttpFunctionCaller(() => undefined).invoke('x', event({}), { signal: never }),
    ).rejects.toMatchObject({
      code: 'FUNCTION_NOT_FOUND',
    });
  });
});

test.each(['../gateway/npm-start', 'a/b', 'A', '', 'validate-manifest/../archive', 'no-such-function', '%2e%2e'])(
  '%j is not the name of a function',
  async (name) => {
    await expect(loadHandler(name)).rejects.toMatchObject({ code: 'FUNCTION_NOT_FOUND' });
  },
);

test('functions are warmed up before their first events; a missing function is ignored', async () => {
  const thread = once(process, 'worker');
  await inProcess.warmUp(['no-such-function', 'export-geoparquet']);
  expect(await thread).toHaveLength(1); // The thread that writes Parquet.
});

test('a process of all functions warms up the later steps of a lane with its first step, and not again', async () => {
  const loads: string[] = [];
  const stack = await readStack();
  const log = { child: () => log, debug: ({ function: name }: { function: string }) => loads.push(name) };
  const caller = new InProcessCaller(
    { ...context, log: log as never },
    { stack, load: () => Promise.resolve(obedient) },
  );
  // Without a database, the warm-up of transform-recipe fails, which is logged.
  for (let call = 0; call < 2; call += 1) await caller.invoke('load-to-postgis', event({}), { signal: never });
  await expect.poll(() => loads).toEqual(['transform-recipe']);
  await caller.invoke('load-to-postgis', event({}), { signal: never });
  expect(loads).toEqual(['transform-recipe']);
});

describe('a call with settings', () => {
  const env = parseEnv({ LOG_LEVEL: 'silent' });
  const shared = { ...context, env };
  const caller = new InProcessCaller(shared, {
    load: () =>
      Promise.resolve((received, { env: used, log }) =>
        Promise.resolve({ ...received, data: [used.MAX_FILE_BYTES, log.level] }),
      ),
  });
  const options = { signal: never, settings: { MAX_FILE_BYTES: '7', LOG_LEVEL: 'fatal' } };
  const serve = (listenOn: { socket: string } | { port: number; address: string }) =>
    serveFunctions({ functionAt: () => 'f', caller, listenOn, ready: () => Promise.resolve(), log: SILENT_LOG });

  test('applies them to this call only', async () => {
    expect(await caller.invoke('f', event({}), { ...options, settings: { MAX_FILE_BYTES: '7' } })).toMatchObject({
      data: [7, 'silent'],
    });
    expect(await caller.invoke('f', event({}), { signal: never })).toMatchObject({
      data: [env.MAX_FILE_BYTES, 'silent'],
    });
    await expect(caller.invoke('f', event({}), options)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/^LOG_LEVEL must be one of /) as string,
    });
  });

  test('passes them to a process that the gateway started, over its socket', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-socket-'));
    const socket = join(folder, 's');
    const own = await serve({ socket });
    const client = new HttpFunctionCaller((name) => `http://host/${name}`, socket);
    const settings = { MAX_FILE_BYTES: '7', LOG_LEVEL: 'error' };
    expect(await client.invoke('f', event({}), { signal: never, settings })).toMatchObject({ data: [7, 'error'] });
    client.close();
    await own.close(0);
    await rm(folder, { recursive: true });
  });

  test('cannot change a function on a port, where any client can call it', async () => {
    const own = await serve({ port: 0, address: '127.0.0.1' });
    const url = `http://127.0.0.1:${own.port}/`;
    const { headers, body } = writeEvent(event({}));
    const settings = encodeURIComponent(JSON.stringify({ MAX_FILE_BYTES: '7' }));
    const reply = await fetch(url, { method: 'POST', headers: { ...headers, [SETTINGS_HEADER]: settings }, body });
    expect(await reply.json()).toEqual([env.MAX_FILE_BYTES, 'silent']);
    await own.close(0);
  });
});
