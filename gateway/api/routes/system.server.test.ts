import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Hono } from 'hono';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Env } from '#shared/config/env.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { writeEvent } from '#shared/events/http.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import type { InvokeOptions } from '#shared/runtime/function-caller.ts';
import { startGateway, type TestFunction, type TestGateway } from '../../../tests/gateway.ts';
import { Access } from '../../access/access.ts';
import { createGateway } from '../app.ts';
import { callerWithSettings } from '../../openfaas/caller-with-settings.ts';
import { CountedCaller } from '../../openfaas/counted-caller.ts';
import { Deployments, type DeploymentsOptions } from '../../openfaas/deployments.ts';
import { MAX_SECRET_BYTES, SecretStore } from '../../openfaas/secret-store.ts';

/** A lost wake-up costs 5 s. */
const SLOW = { timeout: 30_000 };

let folder: string;
let gateway: TestGateway;
let app: Hono;
let deployments: Deployments;
const received: string[] = [];
/** The settings of each call. */
const settings: InvokeOptions['settings'][] = [];

const open = (options: Partial<DeploymentsOptions> = {}) =>
  new Deployments({
    ...gateway.deps,
    file: join(folder, 'functions.json'),
    secrets: new SecretStore(join(folder, 'secrets')),
    scale: gateway.deps.router.scale.bind(gateway.deps.router),
    ...options,
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-openfaas-'));
  const receive: TestFunction = async (event, options) => {
    received.push(event.id);
    settings.push(options.settings);
    return undefined;
  };
  const environment = { LOG_LEVEL: '', MAX_FILE_BYTES: '', S3_REGION: '', OPENLINEAGE_URL: '' };
  gateway = await startGateway(
    { export: { topic: 'test.exported', run: receive, environment }, idle: { topic: 'none', run: receive } },
    { LOG_FILE: join(folder, 'sluice é.log') },
  );
  deployments = open();
  const caller = new CountedCaller(
    callerWithSettings(gateway.deps.caller, (name) => deployments.settingsForCall(name)),
  );
  app = createGateway({ ...gateway.deps, caller, deployments });
});
afterEach(() => {
  for (const name of ['export', 'idle']) deployments.deploy(name);
  received.length = 0;
  settings.length = 0;
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
const describe = async (name: string) =>
  (await (await app.request(`/system/function/${name}?namespace=openfaas-fn&usage=1`)).json()) as {
    invocationCount: number;
  };
const names = async () =>
  ((await (await app.request('/system/functions')).json()) as { name: string }[]).map((fn) => fn.name);
const invoke = (name: string, id: string) => {
  const { headers, body } = writeEvent(event(id));
  return app.request(`/function/${name}`, { method: 'POST', headers, body });
};

test('describes the functions with the fields of OpenFaaS', async () => {
  const before = (await describe('idle')).invocationCount;
  await invoke('idle', 'one');
  const described = await describe('idle');
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
  const elsewhere = await app.request('/system/functions?namespace=other');
  expect([elsewhere.status, await elsewhere.text()]).toEqual([400, 'The namespace must be openfaas-fn, not "other".']);
  expect((await app.request('/system/function/idle?namespace=other')).status).toBe(400);
  expect((await app.request('/system/namespace/openfaas-fn')).status).toBe(501);
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
  expect((await send('POST', '/system/scale-function/export', elsewhere)).status).toBe(400);
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
  expect((await send('DELETE', '/system/functions', other)).status).toBe(400);
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
  const restarted = open({ scale: (...change) => void scaled.push(change) });
  restarted.applyStored();
  expect(scaled.sort()).toEqual([
    ['export', 1],
    ['idle', 0],
  ]);
  expect(restarted.functions.map(({ name }) => name)).toEqual(['export']);
});

test('a limit in stack.yml that became lower applies to the stored replicas', async () => {
  const file = join(folder, 'higher.json');
  await writeFile(file, '{"export":{"replicas":500}}');
  expect(open({ file, scale: () => undefined }).replicas('export')).toBe(4);
});

test('an invalid file of changes is named at the start', async () => {
  const file = join(folder, 'invalid.json');
  await writeFile(file, '{"export":{"replicas":-1}}');
  expect(() => open({ file, scale: () => undefined })).toThrow(
    `${file} is invalid. Delete it to run every function of stack.yml with its concurrency and settings.`,
  );
});

test.each([
  [{ service: 'other', image: '' }, 400, /^Function "other" is not part of stack\.yml\. .* runs only export, idle\./],
  [{ service: 'export', image: 'registry.example/nginx:1' }, 400, /^This gateway runs the functions of its own/],
  [{ service: 'export', envVars: { S3_REGION: 'eu' } }, 400, /cannot change S3_REGION of export, only LOG_LEVEL, MAX/],
  [{ service: 'idle', envVars: { LOG_LEVEL: 'debug' } }, 400, /cannot change LOG_LEVEL of idle\. Set it in stack/],
  [{ service: 'export', envVars: { LOG_LEVEL: 'loud' } }, 400, /^The settings of export are not valid: LOG_LEVEL must/],
  [{ service: 'export', annotations: { topic: 'x' } }, 400, /cannot change topic of export\./],
  [{ service: 'export', limits: { memory: '9Gi' } }, 400, /cannot change memory of export\./],
  [{ service: 'export', secrets: ['nope'] }, 400, /^Secret nope does not exist\. Create it with faas-cli secret/],
  [{ service: 'export', namespace: 'staging' }, 400, /^The namespace must be openfaas-fn/],
])('rejects the deployment %j', async (body, status, text) => {
  const response = await send('POST', '/system/functions', body);
  expect([response.status, await response.text()]).toEqual([status, expect.stringMatching(text)]);
  expect(await describe('export')).toMatchObject({ envVars: { LOG_LEVEL: 'silent' } });
});

test('a deployment sets the environment of one function, and passes it to its calls', async () => {
  const deployed = { service: 'export', image: '', envVars: { LOG_LEVEL: 'debug', MAX_FILE_BYTES: '1000' } };
  expect((await send('PUT', '/system/functions', deployed)).status).toBe(202);
  expect(await describe('export')).toMatchObject({ envVars: deployed.envVars });
  await invoke('export', 'one');
  await invoke('idle', 'two');
  expect(settings).toEqual([deployed.envVars, undefined]);
  // Scaling keeps them, a restart keeps them, and the next deployment replaces them.
  deployments.scale('export', 1);
  expect(open().settingsForCall('export')).toEqual(deployed.envVars);
  expect((await send('PUT', '/system/functions', { service: 'export', envVars: { LOG_LEVEL: '' } })).status).toBe(202);
  expect(await describe('export')).toMatchObject({ envVars: { LOG_LEVEL: 'silent' }, replicas: 4 });
  expect(deployments.settingsForCall('export')).toBeUndefined();
  const [deployment] = await gateway.deps.ledger.listActivity({ limit: 2, offset: 1 });
  expect(deployment).toMatchObject({
    activity: 'function_deployed',
    operator: 'anonymous',
    message: 'anonymous deployed the function export with LOG_LEVEL, MAX_FILE_BYTES.',
  });
});

test('secrets are created, changed and removed, and no response has a value', async () => {
  const secret = (method: string, body: object) => send(method, '/system/secrets', body);
  const stored = join(folder, 'secrets', 'lineage-key');
  const key = { name: 'lineage-key', namespace: 'openfaas-fn', value: 'value-1' };
  expect((await secret('PUT', key)).status).toBe(404);
  expect((await secret('POST', key)).status).toBe(202);
  expect((await secret('POST', { ...key, value: 'other' })).status).toBe(409);
  expect(await readFile(stored, 'utf8')).toBe('value-1');
  expect((await stat(stored)).mode & 0o777).toBe(0o600);
  expect((await stat(join(folder, 'secrets'))).mode & 0o777).toBe(0o700);
  expect((await secret('PUT', { ...key, rawValue: Buffer.from([0, 255]).toString('base64') })).status).toBe(202);
  expect([...(await readFile(stored))]).toEqual([0, 255]);
  const listed = await (await app.request('/system/secrets?namespace=openfaas-fn')).text();
  expect(JSON.parse(listed)).toEqual([{ name: 'lineage-key', namespace: 'openfaas-fn' }]);

  const path = { OPENLINEAGE_API_KEY_FILE: '/var/openfaas/secrets/lineage-key' };
  const envVars = { OPENLINEAGE_URL: 'http://127.0.0.1:5000', ...path };
  expect((await send('POST', '/system/functions', { service: 'export', envVars })).status).toBe(400);
  const deployed = { service: 'export', envVars, secrets: ['lineage-key'] };
  expect((await secret('PUT', key)).status).toBe(202);
  expect((await send('POST', '/system/functions', deployed)).status).toBe(202);
  expect(deployments.settingsForCall('export')).toMatchObject({ OPENLINEAGE_API_KEY_FILE: stored });
  const shown = await (await app.request('/system/function/export')).text();
  expect(JSON.parse(shown)).toMatchObject({ secrets: ['lineage-key'], envVars: path });
  const inUse = await secret('DELETE', { name: 'lineage-key' });
  expect([inUse.status, await inUse.text()]).toEqual([
    409,
    'Secret lineage-key is used by export. Deploy without it first.',
  ]);
  const unusable = await secret('PUT', { name: 'lineage-key', value: 'välue-2' });
  expect([unusable.status, await unusable.text()]).toEqual([
    400,
    expect.stringMatching(
      /^The value of the secret lineage-key is not valid for export: OPENLINEAGE_API_KEY (?!.*lue-2)/,
    ),
  ]);
  expect((await secret('PUT', { name: 'lineage-key', value: 'value-3' })).status).toBe(202);
  deployments.deploy('export');
  expect((await secret('DELETE', { name: 'lineage-key' })).status).toBe(202);
  expect((await secret('DELETE', { name: 'lineage-key' })).status).toBe(404);
  const activity = JSON.stringify(await gateway.deps.ledger.listActivity({ limit: 50 }));
  expect(activity).toContain('anonymous updated the secret lineage-key.');
  for (const text of [listed, shown, activity]) expect(text).not.toMatch(/value-|lue-2/);
});

test.each([
  [{ name: '../users', value: 'x' }, /^The name "\.\.\/users" may have lowercase letters/],
  [{ name: 'a..b', value: 'x' }, /may have lowercase letters/],
  [{ name: 'empty' }, /^The value of the secret empty is empty\.$/],
  [{ name: 'raw', rawValue: 'not-base64!' }, /^(?!.*not-base64).*rawValue must be base64/],
  [{ name: 'elsewhere', value: 'x', namespace: 'staging' }, /^The namespace must be openfaas-fn/],
])('rejects the secret %j', async (body, text) => {
  const response = await send('POST', '/system/secrets', body);
  expect([response.status, await response.text()]).toEqual([400, expect.stringMatching(text)]);
});

test('a secret can have 1 MiB, also as the two values that faas-cli sends', async () => {
  const value = '"'.repeat(MAX_SECRET_BYTES);
  const both = { name: 'large', value, rawValue: Buffer.from(value).toString('base64') };
  expect((await send('POST', '/system/secrets', both)).status).toBe(202);
  expect((await send('PUT', '/system/secrets', { name: 'large', value: `${value}"` })).status).toBe(400);
  expect((await send('DELETE', '/system/secrets', { name: 'large' })).status).toBe(202);
});

test('stored settings that are no longer valid are named at the start', async () => {
  const file = join(folder, 'outdated.json');
  await writeFile(file, '{"export":{"settings":{"GEOMETRY_COLUMN":"g"}}}');
  expect(() => open({ file })).toThrow(`${file} has settings of export that are not valid. This gateway cannot change`);
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
