import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { startGateway, type TestGateway } from '../../../tests/gateway.ts';
import { createGateway } from '../app.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.stop());

test('returns ok, and then the server that is down', async () => {
  const well = await gateway.app.request('/healthz');
  expect([well.status, await well.json()]).toEqual([
    200,
    { status: 'ok', checks: { ledger: 'ok', store: 'ok', postgis: 'ok' } },
  ]);
  await gateway.deps.ledger.close();
  // A state is returned again for a moment.
  const down = await vi.waitUntil(async () => {
    const reply = await gateway.app.request('/healthz');
    return reply.status === 200 ? undefined : reply;
  });
  expect([down.status, await down.json()]).toEqual([
    503,
    { status: 'down', checks: { ledger: expect.not.stringMatching(/^ok$/) as string, store: 'ok', postgis: 'ok' } },
  ]);
});

test('is degraded if only the queue is down', async () => {
  const { deps, stop } = await startGateway();
  onTestFinished(stop);
  const app = createGateway({ ...deps, queue: deps.router });
  const health = async () => {
    const reply = await app.request('/healthz');
    return [reply.status, (await reply.json()) as unknown];
  };
  expect(await health()).toEqual([
    200,
    { status: 'ok', checks: { ledger: 'ok', store: 'ok', postgis: 'ok', queue: 'ok' } },
  ]);
  await deps.router.stop();
  await expect.poll(health).toEqual([
    200,
    {
      status: 'degraded',
      checks: { ledger: 'ok', store: 'ok', postgis: 'ok', queue: expect.not.stringMatching(/^ok$/) as string },
    },
  ]);
});

test('returns an empty list of dead letters', async () => {
  expect(await (await gateway.app.request('/api/dead-letters')).json()).toEqual([]);
});
