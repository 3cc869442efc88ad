import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseEnv } from '#shared/config/env.ts';
import { parseStack } from '#shared/config/stack.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import { Deployments } from '../../openfaas/deployments.ts';
import { SecretStore } from '../../openfaas/secret-store.ts';
import type { GatewayDeps } from '../deps.ts';
import { logHandlers } from './logs.ts';
import { systemRoutes } from './system.ts';

const KEY = { name: 'lineage-key', value: 'geheim-1234567890' };
const DEPLOYED = {
  settings: {
    OPENLINEAGE_URL: 'http://127.0.0.1:5000',
    OPENLINEAGE_API_KEY_FILE: `/var/openfaas/secrets/${KEY.name}`,
  },
  secrets: [KEY.name],
};
const env = parseEnv({});
const stack = parseStack(JSON.stringify({ functions: { export: { environment: { OPENLINEAGE_URL: '' } } } }));

let folder: string;
let deployments: Deployments;
/** Runs while an action is written to the activity log. */
let meanwhile: () => void;
const open = () =>
  new Deployments({
    file: join(folder, 'functions.json'),
    stack,
    env,
    secrets: new SecretStore(join(folder, 'secrets é')),
    scale: () => undefined,
  });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-changes-'));
  deployments = open();
  meanwhile = () => undefined;
});
afterEach(() => rmSync(folder, { recursive: true }));

async function send(method: string, path: string, body: unknown): Promise<[number, string]> {
  const ledger = { appendActivity: async () => meanwhile() } as unknown as GatewayDeps['ledger'];
  const deps = { deployments, stack, env, ledger, log: SILENT_LOG } as unknown as GatewayDeps;
  const app = systemRoutes(deps, logHandlers(deps).ofFunction);
  const response = await app.request(path, { method, body: JSON.stringify(body) });
  return [response.status, await response.text()];
}

test('a secret that a function was deployed with during its removal is kept', async () => {
  deployments.secrets.create(KEY.name, Buffer.from(KEY.value));
  meanwhile = () => deployments.deploy('export', DEPLOYED);
  expect(await send('DELETE', '/system/secrets', { name: KEY.name })).toEqual([
    409,
    'Secret lineage-key is used by export. Deploy without it first.',
  ]);
  expect(open().ownSettings('export')).toEqual(DEPLOYED);
});

test('a function is not deployed with a secret that was removed during its deployment', async () => {
  deployments.secrets.create(KEY.name, Buffer.from(KEY.value));
  meanwhile = () => deployments.removeSecret(KEY.name);
  const { settings: envVars, secrets } = DEPLOYED;
  expect(await send('POST', '/system/functions', { service: 'export', envVars, secrets })).toEqual([
    400,
    'Secret lineage-key does not exist. Create it with faas-cli secret create lineage-key.',
  ]);
  expect(open().ownSettings('export')).toEqual({ settings: {}, secrets: [] });
});

test.each([
  [{ name: 'k', value: 1_234_567_890 }, 'Invalid body: value must be a string.'],
  [{ name: 'k', value: null }, 'Invalid body: value must be a string.'],
  [{ name: 'k', rawValue: 1_234_567_890 }, 'Invalid body: rawValue must be a string.'],
  [{ name: 'k', rawValue: 'geheim!' }, 'Invalid body: rawValue must be base64.'],
  ['geheim', 'Invalid body: body must be an object.'],
])('rejects the secret %j without its value', async (body, text) => {
  expect(await send('POST', '/system/secrets', body)).toEqual([400, text]);
});

const url = (path: string) => `http://127.0.0.1:5000/${path}`;

test('limits the settings in the encoding of the calls', async () => {
  const envVars = { OPENLINEAGE_URL: url('€'.repeat(1_400)) };
  expect(await send('POST', '/system/functions', { service: 'export', envVars })).toEqual([
    400,
    'The settings of export have 12668 bytes in percent-encoding; the limit is 12288 bytes. Shorten them.',
  ]);
  envVars.OPENLINEAGE_URL = url('€'.repeat(1_350));
  expect(await send('POST', '/system/functions', { service: 'export', envVars })).toEqual([202, '']);
});

test.each(['\0', '\ud800'])('rejects a setting with the character %j, which cannot be stored', async (character) => {
  const envVars = { OPENLINEAGE_URL: url(character) };
  expect(await send('POST', '/system/functions', { service: 'export', envVars })).toEqual([
    400,
    'OPENLINEAGE_URL of export contains a NUL character or a lone surrogate. Remove the character.',
  ]);
});
