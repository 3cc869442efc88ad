import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseEnv } from '#shared/config/env.ts';
import { readStack } from '#shared/config/stack.ts';
import { writeEvent } from '#shared/events/http.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import type { Handler } from './context.ts';
import { type FunctionCaller, SETTINGS_HEADER } from './function-caller.ts';
import { functionUrls, HttpFunctionCaller } from './http-function-caller.ts';
import { type FunctionServer, serveFunctions } from './function-server.ts';
import { InProcessCaller, loadHandler } from './in-process-caller.ts';
import { context, event, inProcess, never, obedient, serveObedient } from '../../tests/fixtures/obedient-function.ts';

let server: FunctionServer;
const http = new HttpFunctionCaller(() => `http://127.0.0.1:${server.port}/`);
beforeAll(async () => {
  server = await serveObedient();
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

  test('an idle connection to a Unix socket that the function closed is opened again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-socket-'));
    const socketPath = join(folder, 's');
    const accepted: Socket[] = [];
    const host = createServer((request, response) => {
      request.resume().on('end', () => response.end());
    }).listen(socketPath);
    host.on('connection', (socket) => accepted.push(socket));
    await once(host, 'listening');
    const client = new HttpFunctionCaller(() => 'http://host/f', socketPath);
    await client.invoke('f', event({}), { signal: never });
    accepted[0]!.destroy(); // The client has no time to notice it before its next request.
    await client.invoke('f', event({}), { signal: never });
    expect(accepted).toHaveLength(2);
    client.close();
    host.close();
    await rm(folder, { recursive: true });
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
