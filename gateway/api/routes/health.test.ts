import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGateway, type TestGateway } from '../../../tests/gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.stop());

test('says that all is well, then which part is down', async () => {
  const well = await gateway.app.request('/healthz');
  expect([well.status, await well.json()]).toEqual([
    200,
    { status: 'ok', checks: { ledger: 'ok', store: 'ok', postgis: 'ok' } },
  ]);
  await gateway.deps.ledger.close();
  const down = await gateway.app.request('/healthz');
  expect([down.status, await down.json()]).toEqual([
    503,
    { status: 'down', checks: { ledger: expect.not.stringMatching(/^ok$/) as string, store: 'ok', postgis: 'ok' } },
  ]);
});

test('lists no dead letters when there are none', async () => {
  expect(await (await gateway.app.request('/api/dead-letters')).json()).toEqual([]);
});
