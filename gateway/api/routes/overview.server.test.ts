import { afterAll, beforeAll, expect, test } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { OverviewView } from '#shared/api/views.ts';
import { admitBatch } from '../../../tests/fixtures/documents.ts';
import { startGateway, type TestGateway } from '../../../tests/gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    'fails-always': {
      topic: 'sluice.tick',
      run: () => Promise.reject(new SluiceError('EVENT_INVALID', 'The test rejects each event.')),
    },
  });
});
afterAll(() => gateway.stop());

test('counts the runs of the last day by lane and hour, the queues, and the dead letters', async () => {
  const ended = await admitBatch(gateway.deps.ledger);
  await admitBatch(gateway.deps.ledger);
  await gateway.deps.ledger.endRun(ended.run_id, 'failure', null);
  const response = await gateway.app.request('/api/overview');
  expect(response.status).toBe(200);
  const overview = (await response.json()) as OverviewView;
  expect(overview.running).toBe(1);
  expect(overview.lanes.map(({ lane }) => lane)).toEqual(['vector']);
  const totals = { success: 0, failure: 0 };
  for (const hour of overview.lanes[0]?.hours ?? []) {
    totals.success += hour.success;
    totals.failure += hour.failure;
  }
  expect(totals).toEqual({ success: 0, failure: 1 });
  expect(overview.lanes[0]?.seconds?.max).toBeGreaterThanOrEqual(0);
  expect(overview.queues).toContainEqual({ function: 'fails-always', waiting: 0, running: 0 });
  expect(overview.dead_letters).toBe(0);
});

test('rejects a query parameter', async () => {
  expect((await gateway.app.request('/api/overview?since=today')).status).toBe(400);
});
