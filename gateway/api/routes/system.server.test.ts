import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Env } from '#shared/config/env.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { writeEvent } from '#shared/events/http.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import type { InvokeOptions } from '#shared/runtime/function-caller.ts';
import { type OpenfaasGateway, startOpenfaasGateway } from '../../../tests/fixtures/openfaas-gateway.ts';
import { Access } from '../../access/access.ts';
import { createGateway } from '../app.ts';

/** A lost wake-up costs 5 s. */
const SLOW = { timeout: 30_000 };

let site: OpenfaasGateway;
const received: string[] = [];
/** The settings of each call. */
const settings: InvokeOptions['settings'][] = [];
beforeAll(async () => {
  site = await startOpenfaasGateway(async (event, options) => {
    received.push(event.id);
    settings.push(options.settings);
    return undefined;
  });
});
afterEach(() => {
  for (const name of ['export', 'idle']) site.deployments.deploy(name);
  received.length = 0;
  settings.length = 0;
});
afterAll(() => site.stop());

const event = (id: string): SluiceEvent => ({
  specversion: '1.0',
  id,
  source: '/test',
  type: 'test.exported',
  time: '2026-01-02T03:04:05.000Z',
  datacontenttype: 'application/json',
  data: {},
});
const describe = async (name: string) =>
  (await (await site.app.request(`/system/function/${name}?namespace=openfaas-fn&usage=1`)).json()) as {
    invocationCount: number;
  };
const names = async () =>
  ((await (await site.app.request('/system/functions')).json()) as { name: string }[]).map((fn) => fn.name);
const invoke = (name: string, id: string) => {
  const { headers, body } = writeEvent(event(id));
  return site.app.request(`/function/${name}`, { method: 'POST', headers, body });
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
  const elsewhere = await site.app.request('/system/functions?namespace=other');
  expect([elsewhere.status, await elsewhere.text()]).toEqual([400, 'The namespace must be openfaas-fn, not "other".']);
  expect((await site.app.request('/system/function/idle?namespace=other')).status).toBe(400);
  expect((await site.app.request('/system/namespace/openfaas-fn')).status).toBe(501);
  expect(await (await site.app.request('/system/namespaces')).json()).toEqual(['openfaas-fn']);
  expect(await (await site.app.request('/system/info')).json()).toMatchObject({
    provider: { provider: 'sluice', orchestration: 'embedded', version: { release: expect.any(String) as string } },
    version: { release: expect.any(String) as string },
  });
});

test('the events of a function with 0 replicas wait until it is scaled', async () => {
  expect(
    (await site.send('POST', '/system/scale-function/export', { serviceName: 'export', replicas: 0 })).status,
  ).toBe(202);
  for (const id of ['waits 1', 'waits 2', 'waits 3']) await site.gateway.deps.router.publish(event(id));
  const refused = await invoke('export', 'direct');
  expect([refused.status, await refused.text()]).toEqual([503, 'No endpoints available for: export.']);
  expect(await (await site.app.request('/system/function/export')).json()).toMatchObject({
    replicas: 0,
    availableReplicas: 0,
  });
  // A call of another function shows that the router delivers meanwhile.
  await site.gateway.deps.router.publishTo('idle', event('other'), { callId: 'other' });
  await expect.poll(() => received, SLOW).toEqual(['other']);

  expect((await site.send('POST', '/system/scale-function/export', { replicas: 2 })).status).toBe(202);
  await expect.poll(() => received.toSorted(), SLOW).toEqual(['other', 'waits 1', 'waits 2', 'waits 3']);
  expect(site.deployments.replicas('export')).toBe(2);
});

test('rejects more replicas than stack.yml allows', async () => {
  const response = await site.send('POST', '/system/scale-function/export', { replicas: 5 });
  expect(response.status).toBe(400);
  expect(await response.text()).toMatch(/^export cannot have 5 replicas; the limit is 4, from sluice/);
  expect((await site.send('POST', '/system/scale-function/unknown', { replicas: 1 })).status).toBe(404);
  const elsewhere = { replicas: 0, namespace: 'staging' };
  expect((await site.send('POST', '/system/scale-function/export', elsewhere)).status).toBe(400);
  const anonymous = await site.app.request('/system/scale-function/export', {
    method: 'POST',
    headers: { 'x-operator': '100%' },
    body: '{"replicas":0}',
  });
  expect(anonymous.status).toBe(400);
  expect(site.deployments.replicas('export')).toBe(4);
});

test('a removed function receives nothing until it is deployed again', async () => {
  const other = { functionName: 'export', namespace: 'staging' };
  expect((await site.send('DELETE', '/system/functions', other)).status).toBe(400);
  expect((await site.send('DELETE', '/system/functions', { functionName: 'export' })).status).toBe(202);
  expect(await names()).toEqual(['idle']);
  expect((await invoke('export', 'direct')).status).toBe(404);
  expect((await site.app.request('/system/function/export')).status).toBe(404);
  expect((await site.send('DELETE', '/system/functions', { functionName: 'export' })).status).toBe(404);
  await site.gateway.deps.router.publish(event('after removal'));
  await site.gateway.deps.router.publishTo('idle', event('other'), { callId: 'other 2' });
  await expect.poll(() => received, SLOW).toEqual(['other']);

  // faas-cli tries PUT first, and POST after 404.
  expect((await site.send('PUT', '/system/functions', { service: 'export', image: '' })).status).toBe(404);
  expect((await site.send('POST', '/system/functions', { service: 'export', image: '' })).status).toBe(202);
  await expect.poll(() => received, SLOW).toEqual(['other', 'after removal']);
  expect((await site.send('PUT', '/system/functions', { service: 'export', image: '' })).status).toBe(202);
});

test('the changes apply after a restart', () => {
  site.deployments.scale('export', 1);
  site.deployments.remove('idle');
  const scaled: [string, number][] = [];
  const restarted = site.open({ scale: (...change) => void scaled.push(change) });
  restarted.applyStored();
  expect(scaled.sort()).toEqual([
    ['export', 1],
    ['idle', 0],
  ]);
  expect(restarted.functions.map(({ name }) => name)).toEqual(['export']);
});

test('a limit in stack.yml that became lower applies to the stored replicas', async () => {
  const file = join(site.folder, 'higher.json');
  await writeFile(file, '{"export":{"replicas":500}}');
  expect(site.open({ file, scale: () => undefined }).replicas('export')).toBe(4);
});

test('an invalid file of changes is named at the start', async () => {
  const file = join(site.folder, 'invalid.json');
  await writeFile(file, '{"export":{"replicas":-1}}');
  expect(() => site.open({ file, scale: () => undefined })).toThrow(
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
  const response = await site.send('POST', '/system/functions', body);
  expect([response.status, await response.text()]).toEqual([status, expect.stringMatching(text)]);
  expect(await describe('export')).toMatchObject({ envVars: { LOG_LEVEL: 'silent' } });
});

test('a deployment sets the environment of one function, and passes it to its calls', async () => {
  const deployed = { service: 'export', image: '', envVars: { LOG_LEVEL: 'debug', MAX_FILE_BYTES: '1000' } };
  expect((await site.send('PUT', '/system/functions', deployed)).status).toBe(202);
  expect(await describe('export')).toMatchObject({ envVars: deployed.envVars });
  await invoke('export', 'one');
  await invoke('idle', 'two');
  expect(settings).toEqual([deployed.envVars, undefined]);
  // Scaling keeps them, a restart keeps them, and the next deployment replaces them.
  site.deployments.scale('export', 1);
  expect(site.open().settingsForCall('export')).toEqual(deployed.envVars);
  expect((await site.send('PUT', '/system/functions', { service: 'export', envVars: { LOG_LEVEL: '' } })).status).toBe(
    202,
  );
  expect(await describe('export')).toMatchObject({ envVars: { LOG_LEVEL: 'silent' }, replicas: 4 });
  expect(site.deployments.settingsForCall('export')).toBeUndefined();
  const [deployment] = await site.gateway.deps.ledger.listActivity({ limit: 2, offset: 1 });
  expect(deployment).toMatchObject({
    activity: 'function_deployed',
    operator: 'anonymous',
    message: 'anonymous deployed the function export with LOG_LEVEL, MAX_FILE_BYTES.',
  });
});

test('stored settings that are no longer valid are named at the start', async () => {
  const file = join(site.folder, 'outdated.json');
  await writeFile(file, '{"export":{"settings":{"GEOMETRY_COLUMN":"g"}}}');
  expect(() => site.open({ file })).toThrow(
    `${file} has settings of export that are not valid. This gateway cannot change`,
  );
});

test('requires the login of faas-cli beyond loopback', async () => {
  const env = { ...site.gateway.deps.env, HOST: '0.0.0.0', WEBHOOK_TOKEN: 'a token of 32 characters, as others' };
  const opened = async (settings: Env) => {
    const access = await Access.open(settings, { home: site.folder, log: SILENT_LOG });
    onTestFinished(() => access.close());
    return createGateway({ ...site.gateway.deps, env: settings, deployments: site.deployments, access });
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
  const env = { ...site.gateway.deps.env, FUNCTION_URL: 'http://127.0.0.1:9/{name}' };
  const remote = createGateway({ ...site.gateway.deps, env });
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
  const broker = createGateway({ ...site.gateway.deps, broker: { ping: () => Promise.resolve() } });
  expect(await (await broker.request('/system/function/idle')).json()).toMatchObject({ availableReplicas: 1 });
});
