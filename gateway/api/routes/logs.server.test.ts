import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OpenfaasGateway, startOpenfaasGateway } from '../../../tests/fixtures/openfaas-gateway.ts';
import { admitBatch } from '../../../tests/fixtures/documents.ts';
import { createGateway } from '../app.ts';

/** A lost wake-up costs 5 s. */
const SLOW = { timeout: 30_000 };

let site: OpenfaasGateway;
beforeAll(async () => {
  site = await startOpenfaasGateway();
});
afterAll(() => site.stop());

const line = (fields: object) => `${JSON.stringify({ level: 30, time: '2026-01-02T03:04:05.000Z', ...fields })}\n`;
const texts = (body: string) =>
  body
    .split('\n')
    .filter(Boolean)
    .map((text) => JSON.parse(text) as { name: string; text: string })
    .map(({ name, text }) => `${name}: ${(JSON.parse(text) as { msg: string }).msg}`);

test('returns the log lines of a run, of its functions and of the gateway', async () => {
  const { run_id } = await admitBatch(site.gateway.deps.ledger, { batchId: 'log é' });
  const other = '0d4a1f6e-2f64-8c11-9a3e-0123456789ab';
  await writeFile(
    join(site.folder, 'sluice é.log'),
    line({ run_id, step: 'load-to-postgis', function: 'load-to-postgis', msg: 'load' }) +
      line({ run_id: other, step: 'archive', msg: 'other' }) +
      line({ run_id: other, rerun_of: run_id, msg: 'rerun' }) +
      line({ run_id, step: 'export', msg: 'export' }) +
      line({ run_id, msg: 'end' }),
  );
  const read = async (query: string) => site.app.request(`/api/runs/${run_id}/log${query}`);
  expect(texts(await (await read('')).text())).toEqual(['load-to-postgis: load', 'export: export', 'gateway: end']);
  expect(texts(await (await read('?tail=1')).text())).toEqual(['gateway: end']);
  expect((await read('?name=export')).status).toBe(400);
  const unknown = await site.app.request(`/api/runs/${other}/log`);
  expect([unknown.status, await unknown.json()]).toMatchObject([404, { error: { code: 'RUN_NOT_FOUND' } }]);
});

test('the log of a run is in the containers if its functions are', async () => {
  const { run_id } = await admitBatch(site.gateway.deps.ledger, { batchId: 'log of containers' });
  const app = createGateway({ ...site.gateway.deps, deployments: undefined });
  expect(await (await app.request(`/api/runs/${run_id}/log`)).json()).toMatchObject({
    error: { code: 'CONFIG_INVALID', message: 'The functions run in containers. Read the logs of their containers.' },
  });
});

test('returns the log lines of a function, and those that follow', async () => {
  const file = join(site.folder, 'sluice é.log');
  await writeFile(
    file,
    line({ step: 'export', msg: 'first', time: '2025-01-02T03:04:05.000Z' }) +
      line({ function: 'idle', msg: 'of another function "export"' }) +
      'not "export" JSON\n' +
      line({ function: 'export', msg: 'second é' }) +
      line({ function: 'export', msg: 'third' }),
  );
  const read = async (query: string) =>
    texts(await (await site.app.request(`/system/logs?name=export${query}`)).text());
  expect(await read('&tail=-1&follow=false')).toEqual(['export: first', 'export: second é', 'export: third']);
  expect(await read('&tail=1')).toEqual(['export: third']);
  expect(await read('&since=2026-01-01T00:00:00Z')).toEqual(['export: second é', 'export: third']);
  expect(await read('&tail=2')).toEqual(['export: second é', 'export: third']);
  expect(await read('&tail=9')).toHaveLength(3);
  expect(await read('&instance=other-machine')).toEqual([]);
  expect((await site.app.request('/system/logs?name=unknown')).status).toBe(404);
  expect((await site.app.request('/system/logs?name=export&tail=1000000000')).status).toBe(400);

  const ending = new AbortController();
  const followed = await site.app.request('/system/logs?name=export&tail=1&follow=true', { signal: ending.signal });
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
  const env = { ...site.gateway.deps.env, LOG_FILE: join(site.folder, 'missing.log') };
  const missing = createGateway({ ...site.gateway.deps, env, deployments: site.deployments });
  for (let n = 0; n < 60; n += 1) {
    const response = await missing.request('/system/logs?name=export');
    expect([response.status, await response.text()]).toEqual([422, expect.stringContaining('missing.log')]);
  }
});
