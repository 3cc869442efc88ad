import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OpenfaasGateway, startOpenfaasGateway } from '../../../tests/fixtures/openfaas-gateway.ts';
import { MAX_SECRET_BYTES } from '../../openfaas/secret-store.ts';

let site: OpenfaasGateway;
beforeAll(async () => {
  site = await startOpenfaasGateway();
});
afterAll(() => site.stop());

test('secrets are created, changed and removed, and no response has a value', async () => {
  const secret = (method: string, body: object) => site.send(method, '/system/secrets', body);
  const stored = join(site.folder, 'secrets', 'lineage-key');
  const key = { name: 'lineage-key', namespace: 'openfaas-fn', value: 'value-1' };
  expect((await secret('PUT', key)).status).toBe(404);
  expect((await secret('POST', key)).status).toBe(202);
  expect((await secret('POST', { ...key, value: 'other' })).status).toBe(409);
  expect(await readFile(stored, 'utf8')).toBe('value-1');
  expect((await stat(stored)).mode & 0o777).toBe(0o600);
  expect((await stat(join(site.folder, 'secrets'))).mode & 0o777).toBe(0o700);
  expect((await secret('PUT', { ...key, rawValue: Buffer.from([0, 255]).toString('base64') })).status).toBe(202);
  expect([...(await readFile(stored))]).toEqual([0, 255]);
  const listed = await (await site.app.request('/system/secrets?namespace=openfaas-fn')).text();
  expect(JSON.parse(listed)).toEqual([{ name: 'lineage-key', namespace: 'openfaas-fn' }]);

  const path = { OPENLINEAGE_API_KEY_FILE: '/var/openfaas/secrets/lineage-key' };
  const envVars = { OPENLINEAGE_URL: 'http://127.0.0.1:5000', ...path };
  expect((await site.send('POST', '/system/functions', { service: 'export', envVars })).status).toBe(400);
  const deployed = { service: 'export', envVars, secrets: ['lineage-key'] };
  expect((await secret('PUT', key)).status).toBe(202);
  expect((await site.send('POST', '/system/functions', deployed)).status).toBe(202);
  expect(site.deployments.settingsForCall('export')).toMatchObject({ OPENLINEAGE_API_KEY_FILE: stored });
  const shown = await (await site.app.request('/system/function/export')).text();
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
  site.deployments.deploy('export');
  expect((await secret('DELETE', { name: 'lineage-key' })).status).toBe(202);
  expect((await secret('DELETE', { name: 'lineage-key' })).status).toBe(404);
  const activity = JSON.stringify(await site.gateway.deps.ledger.listActivity({ limit: 50 }));
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
  const response = await site.send('POST', '/system/secrets', body);
  expect([response.status, await response.text()]).toEqual([400, expect.stringMatching(text)]);
});

test('a secret can have 1 MiB, also as the two values that faas-cli sends', async () => {
  const value = '"'.repeat(MAX_SECRET_BYTES);
  const both = { name: 'large', value, rawValue: Buffer.from(value).toString('base64') };
  expect((await site.send('POST', '/system/secrets', both)).status).toBe(202);
  expect((await site.send('PUT', '/system/secrets', { name: 'large', value: `${value}"` })).status).toBe(400);
  expect((await site.send('DELETE', '/system/secrets', { name: 'large' })).status).toBe(202);
});
