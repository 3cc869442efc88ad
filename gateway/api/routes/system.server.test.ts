import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Hono } from 'hono';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Env } from '#shared/config/env.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { writeEvent } from '#shared/events/http.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import { startGateway, type TestGateway } from '../../../tests/gateway.ts';
import { Access } from '../../access/access.ts';
import { createGateway } from '../app.ts';
import { Deployments } from '../../openfaas/deployments.ts';

/** A lost wake-up costs 5 s. */
const SLOW = { timeout: 30_000 };

let folder: string;
let gateway: TestGateway;
let app: Hono;
let deployments: Deployments;
const received: string[] = [];

const open = () =>
  new Deployments({
    ...gateway.deps,
    file: join(folder, 'functions.json'),
    scale: gateway.deps.router.scale.bind(gateway.deps.router),
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-openfaas-'));
  const receive = async (event: SluiceEvent) => void received.push(event.id);
  gateway = await startGateway(
    { export: { topic: 'test.exported', run: receive }, idle: { topic: 'none', run: receive } },
    { LOG_FILE: join(folder, 'sluice é.log') },
  );
  deployments = open();
  app = createGateway({ ...gateway.deps, deployments });
});
afterEach(() => {
  for (const name of ['export', 'idle']) deployments.deploy(name);
  received.length = 0;
});
afterAll(async () => {
  await gateway.stop();
  await rm(folder, { recursive: true });
});

const event = (id: string): SluiceEvent => ({
  specversion: '1.0',
  id,
  source: '/test',
  type: 'test.exported',
  time: '2026-01-02T03:04:05.000Z',
  datacontenttype: 'application/json',
  data: {},
});
const send = (method: string, path: string, body: object) =>
  app.request(path, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
const names = async () =>
  ((await (await app.request('/system/functions')).json()) as { name: string }[]).map((fn) => fn.name);
const invoke = (name: string, id: string) => {
  const { headers, body } = writeEvent(event(id));
  return app.request(`/function/${name}`, { method: 'POST', headers, body });
};

test('describes the functions with the fields of OpenFaaS', async () => {
  const describe = async () =>
    (await (await app.request('/system/function/idle?namespace=openfaas-fn&usage=1')).json()) as {
      invocationCount: number;
    };
  const before = (await describe()).invocationCount;
  await invoke('idle', 'one');
  const described = await describe();
  expect(described).toEqual({
    name: 'idle',
    image: '',
    namespace: 'openfaas-fn',
    envProcess: '',
    envVars: {},
    constraints: [],
    secrets: [],
    labels: {},
    annotations: { topic: 'none' },
    readOnlyRootFilesystem: false,
    invocationCount: before + 1,
    replicas: 4,
    availableReplicas: 4,
    createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string,
  });
  expect(await names()).toEqual(['export', 'idle']);
  expect(await (await app.request('/system/functions?namespace=other')).json()).toEqual([]);
  expect((await app.request('/system/function/idle?namespace=other')).status).toBe(404);
  expect(await (await app.request('/system/namespaces')).json()).toEqual(['openfaas-fn']);
  expect(await (await app.request('/system/info')).json()).toMatchObject({
    provider: { provider: 'sluice', orchestration: 'embedded', version: { release: expect.any(String) as string } },
    version: { release: expect.any(String) as string },
  });
});

test('the events of a function with 0 replicas wait until it is scaled', async () => {
  expect((await send('POST', '/system/scale-function/export', { serviceName: 'export', replicas: 0 })).status).toBe(
    202,
  );
  for (const id of ['waits 1', 'waits 2', 'waits 3']) await gateway.deps.router.publish(event(id));
  const refused = await invoke('export', 'direct');
  expect([refused.status, await refused.text()]).toEqual([503, 'No endpoints available for: export.']);
  expect(await (await app.request('/system/function/export')).json()).toMatchObject({
    replicas: 0,
    availableReplicas: 0,
  });
  // A call of another function shows that the router delivers meanwhile.
  await gateway.deps.router.publishTo('idle', event('other'), { callId: 'other' });
  await expect.poll(() => received, SLOW).toEqual(['other']);

  expect((await send('POST', '/system/scale-function/export', { replicas: 2 })).status).toBe(202);
  await expect.poll(() => received.toSorted(), SLOW).toEqual(['other', 'waits 1', 'waits 2', 'waits 3']);
  expect(deployments.replicas('export')).toBe(2);
});

test('rejects more replicas than stack.yml allows', async () => {
  const response = await send('POST', '/system/scale-function/export', { replicas: 5 });
  expect(response.status).toBe(400);
  expect(await response.text()).toMatch(/^export cannot have 5 replicas; the limit is 4, from sluice/);
  expect((await send('POST', '/system/scale-function/unknown', { replicas: 1 })).status).toBe(404);
  const elsewhere = { replicas: 0, namespace: 'staging' };
  expect((await send('POST', '/system/scale-function/export', elsewhere)).status).toBe(404);
  const anonymous = await app.request('/system/scale-function/export', {
    method: 'POST',
    headers: { 'x-operator': '100%' },
    body: '{"replicas":0}',
  });
  expect(anonymous.status).toBe(400);
  expect(deployments.replicas('export')).toBe(4);
});

test('a removed function receives nothing until it is deployed again', async () => {
  const other = { functionName: 'export', namespace: 'staging' };
  expect((await send('DELETE', '/system/functions', other)).status).toBe(404);
  expect((await send('DELETE', '/system/functions', { functionName: 'export' })).status).toBe(202);
  expect(await names()).toEqual(['idle']);
  expect((await invoke('export', 'direct')).status).toBe(404);
  expect((await app.request('/system/function/export')).status).toBe(404);
  expect((await send('DELETE', '/system/functions', { functionName: 'export' })).status).toBe(404);
  await gateway.deps.router.publish(event('after removal'));
  await gateway.deps.router.publishTo('idle', event('other'), { callId: 'other 2' });
  await expect.poll(() => received, SLOW).toEqual(['other']);

  // faas-cli tries PUT first, and POST after 404.
  expect((await send('PUT', '/system/functions', { service: 'export', image: '' })).status).toBe(404);
  expect((await send('POST', '/system/functions', { service: 'export', image: '' })).status).toBe(202);
  await expect.poll(() => received, SLOW).toEqual(['other', 'after removal']);
  expect((await send('PUT', '/system/functions', { service: 'export', image: '' })).status).toBe(202);
});

test('the changes apply after a restart', () => {
  deployments.scale('export', 1);
  deployments.remove('idle');
  const scaled: [string, number][] = [];
  const restarted = new Deployments({
    ...gateway.deps,
    file: join(folder, 'functions.json'),
    scale: (...change) => void scaled.push(change),
  });
  expect(scaled.sort()).toEqual([
    ['export', 1],
    ['idle', 0],
  ]);
  expect(restarted.functions.map(({ name }) => name)).toEqual(['export']);
});

test('a limit in stack.yml that became lower applies to the stored replicas', async () => {
  const file = join(folder, 'higher.json');
  await writeFile(file, '{"export":{"replicas":500}}');
  expect(new Deployments({ ...gateway.deps, file, scale: () => undefined }).replicas('export')).toBe(4);
});

test('an invalid file of changes is named at the start', async () => {
  const file = join(folder, 'invalid.json');
  await writeFile(file, '{"export":{"replicas":-1}}');
  expect(() => new Deployments({ ...gateway.deps, file, scale: () => undefined })).toThrow(
    `${file} is invalid. Delete it to run every function of stack.yml with its concurrency.`,
  );
});

test.each([
  [{ service: 'other', image: '' }, 404, /^Function "other" is not part of stack\.yml\. .* runs only export, idle\./],
  [{ service: 'export', image: 'registry.example/nginx:1' }, 400, /^This gateway runs the functions of its own/],
  [{ service: 'export', image: '', envVars: { LOG_LEVEL: 'debug' } }, 400, /cannot change LOG_LEVEL of export\./],
  [{ service: 'export', image: '', annotations: { topic: 'x' } }, 400, /cannot change topic of export\./],
  [{ service: 'export', image: '', limits: { memory: '9Gi' } }, 400, /cannot change memory of export\./],
  [{ service: 'export', image: '', secrets: ['nope'] }, 400, /cannot change nope of export\./],
  [{ service: 'export', image: '', namespace: 'staging' }, 404, /is not part of stack\.yml/],
])('rejects the deployment %j', async (body, status, text) => {
  const response = await send('PUT', '/system/functions', body);
  expect(response.status).toBe(status);
  expect(await response.text()).toMatch(text);
});

test('returns the log lines of a function, and those that follow', async () => {
  const file = join(folder, 'sluice é.log');
  const line = (fields: object) => `${JSON.stringify({ level: 30, time: '2026-01-02T03:04:05.000Z', ...fields })}\n`;
  await writeFile(
    file,
    line({ step: 'export', msg: 'first', time: '2025-01-02T03:04:05.000Z' }) +
      line({ function: 'idle', msg: 'of another function "export"' }) +
      'not "export" JSON\n' +
      line({ function: 'export', msg: 'second é' }) +
      line({ function: 'export', msg: 'third' }),
  );
  const texts = (body: string) =>
    body
      .split('\n')
      .filter(Boolean)
      .map((text) => JSON.parse(text) as { name: string; text: string })
      .map(({ name, text }) => `${name}: ${(JSON.parse(text) as { msg: string }).msg}`);
  const read = async (query: string) => texts(await (await app.request(`/system/logs?name=export${query}`)).text());
  expect(await read('&tail=-1&follow=false')).toEqual(['export: first', 'export: second é', 'export: third']);
  expect(await read('&tail=1')).toEqual(['export: third']);
  expect(await read('&since=2026-01-01T00:00:00Z')).toEqual(['export: second é', 'export: third']);
  expect(await read('&tail=2')).toEqual(['export: second é', 'export: third']);
  expect(await read('&tail=9')).toHaveLength(3);
  expect(await read('&instance=other-machine')).toEqual([]);
  expect((await app.request('/system/logs?name=unknown')).status).toBe(404);
  expect((await app.request('/system/logs?name=export&tail=1000000000')).status).toBe(400);

  const ending = new AbortController();
  const followed = await app.request('/system/logs?name=export&tail=1&follow=true', { signal: ending.signal });
  expect(followed.headers.get('content-type')).toBe('application/x-ndjson');
  let body = '';
  const reading = (async () => {
    for await (const bytes of followed.body!) body += Buffer.from(bytes).toString();
  })();
  await expect.poll(() => texts(body), SLOW).toEqual(['export: third']);
  const fourth = line({ function: 'export', msg: 'fourth' });
  await appendFile(file, fourth.slice(0, 20));
  await appendFile(file, fourth.slice(20) + line({ function: 'idle', msg: 'other' }));
  await expect.poll(() => texts(body), SLOW).toEqual(['export: third', 'export: fourth']);
  await writeFile(file, line({ function: 'export', msg: 'after a truncation' }));
  await expect.poll(() => texts(body).at(-1), SLOW).toBe('export: after a truncation');
  ending.abort();
  await reading.catch(() => undefined);
});

test('a log file that is missing is an error, and leaves room for other readers', async () => {
  const env = { ...gateway.deps.env, LOG_FILE: join(folder, 'missing.log') };
  const missing = createGateway({ ...gateway.deps, env, deployments });
  for (let n = 0; n < 60; n += 1) {
    const response = await missing.request('/system/logs?name=export');
    expect([response.status, await response.text()]).toEqual([422, expect.stringContaining('missing.log')]);
  }
});

test('requires the login of faas-cli beyond loopback', async () => {
  const env = { ...gateway.deps.env, HOST: '0.0.0.0', WEBHOOK_TOKEN: 'a token of 32 characters, as others' };
  const opened = async (settings: Env) => {
    const access = await Access.open(settings, { home: folder, log: SILENT_LOG });
    onTestFinished(() => access.close());
    return createGateway({ ...gateway.deps, env: settings, deployments, access });
  };
  const open = await opened(env);
  const ask = (headers: Record<string, string>) => open.request('/system/functions', { headers });
  const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });
  const refused = await ask(basic('admin:wrong'));
  expect([refused.status, await refused.text()]).toEqual([401, 'invalid credentials']);
  expect(refused.headers.get('www-authenticate')).toBe('Basic realm="Restricted"');
  expect((await ask({})).status).toBe(401);
  for (const [method, path] of [
    ['GET', '/system/logs?name=idle'],
    ['DELETE', '/system/functions'],
    ['POST', '/system/scale-function/idle'],
  ] as const)
    expect((await open.request(path, { method })).status).toBe(401);
  expect((await ask(basic(`admin:${env.WEBHOOK_TOKEN}`))).status).toBe(200);
  const withoutToken = await opened({ ...env, WEBHOOK_TOKEN: undefined });
  expect((await withoutToken.request('/system/functions', { headers: basic('admin:undefined') })).status).toBe(401);
});

test('functions in containers are listed, and changed by their platform', async () => {
  const env = { ...gateway.deps.env, FUNCTION_URL: 'http://127.0.0.1:9/{name}' };
  const remote = createGateway({ ...gateway.deps, env });
  expect(await (await remote.request('/system/functions')).json()).toMatchObject([
    { name: 'export', replicas: 1, availableReplicas: 0 },
    { name: 'idle', replicas: 1, availableReplicas: 0 },
  ]);
  const refused = await remote.request('/system/scale-function/idle', { method: 'POST', body: '{"replicas":0}' });
  expect([refused.status, await refused.text()]).toEqual([
    422,
    expect.stringMatching(/^The functions of this gateway run in containers\. Deploy and scale them with docker/),
  ]);
  expect((await remote.request('/system/logs?name=idle')).status).toBe(422);
  const broker = createGateway({ ...gateway.deps, broker: { ping: () => Promise.resolve() } });
  expect(await (await broker.request('/system/function/idle')).json()).toMatchObject({ availableReplicas: 1 });
});
