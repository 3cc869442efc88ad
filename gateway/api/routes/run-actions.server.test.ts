import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SluiceEvent } from '#shared/events/event.ts';
import { admitBatch } from '../../../tests/fixtures/documents.ts';
import { startGateway, type TestGateway } from '../../../tests/gateway.ts';
import type { RunView } from '#shared/api/views.ts';

let gateway: TestGateway;
const received: SluiceEvent[] = [];
const receive = (topic: string) => ({
  topic,
  run: async (event: SluiceEvent) => {
    received.push(event);
    return undefined;
  },
});

beforeAll(async () => {
  gateway = await startGateway({
    'load-to-postgis': receive('sluice.run.requested.vector'),
    archive: receive('sluice.run.canceled'),
  });
});
afterAll(() => gateway.stop());

const post = async (path: string, body?: unknown, operator = 'Zo%C3%AB%20%F0%9F%97%BA') => {
  const reply = await gateway.app.request(path, {
    method: 'POST',
    headers: { host: 'localhost', 'x-operator': operator },
    body: body === undefined ? null : JSON.stringify(body),
  });
  return {
    status: reply.status,
    body: (await reply.json()) as RunView & { error: { code: string; message: string } | null },
  };
};
const activities = async (path: string) =>
  (await (await gateway.app.request(path, { headers: { host: 'localhost' } })).json()) as {
    activity: string;
    operator: string;
    message: string;
  }[];
/** A run of a new batch that has ended. */
const endedRun = async (batchId: string) => {
  const run = await admitBatch(gateway.deps.ledger, { batchId });
  await gateway.deps.ledger.endRun(run.run_id, 'failure', { code: 'CRS_MISSING', message: 'No CRS.', details: {} });
  return run;
};

describe('rerun', () => {
  test('starts a new run of the same manifest and logs the operator', async () => {
    const run = await endedRun('rerun #1 é');
    const { status, body } = await post(`/api/runs/${run.run_id}/rerun`);
    expect([status, body]).toMatchObject([
      201,
      { batch_id: 'rerun #1 é', status: 'running', rerun_of: run.run_id, operator: 'Zoë 🗺', error: null },
    ]);
    await expect.poll(() => received.map(({ subject }) => subject)).toContain(body.run_id);
    expect(await gateway.deps.ledger.getRun(body.run_id ?? '')).toMatchObject({
      run_key: 'ingest:rerun #1 é:2',
      manifest: run.manifest,
    });
    expect(await activities(`/api/runs/${body.run_id}/activity`)).toMatchObject([
      {
        activity: 'run_rerun',
        operator: 'Zoë 🗺',
        message: `Zoë 🗺 reran ${run.run_id} of rerun #1 é as run ${body.run_id}.`,
      },
    ]);
  });

  test('starts one run for a request that is repeated, even concurrently', async () => {
    const run = await endedRun('once');
    const replies = await Promise.all(
      Array.from({ length: 5 }, () => post(`/api/runs/${run.run_id}/rerun`, { request_id: 'click 1' })),
    );
    expect(new Set(replies.map(({ body }) => body.run_id)).size).toBe(1);
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 201]);
    expect(await post(`/api/runs/${run.run_id}/rerun`, { request_id: 'click 1' })).toMatchObject({
      status: 200,
      body: { run_id: replies[0]?.body.run_id },
    });
  });

  test('numbers the runs of concurrent requests consecutively', async () => {
    const run = await endedRun('many');
    await Promise.all(Array.from({ length: 8 }, () => post(`/api/runs/${run.run_id}/rerun`)));
    const keys = (await gateway.deps.ledger.listRuns({ batch_id: 'many' })).map(({ run_key }) => run_key).sort();
    expect(keys).toEqual(['ingest:many', ...[2, 3, 4, 5, 6, 7, 8, 9].map((n) => `ingest:many:${n}`)]);
  });

  test('sets force on the new run only', async () => {
    const run = await endedRun('forced');
    const { body } = await post(`/api/runs/${run.run_id}/rerun`, { force: true });
    expect((await gateway.deps.ledger.getRun(body.run_id ?? ''))?.manifest.metadata.force).toBe(true);
    expect((await gateway.deps.ledger.getRun(run.run_id))?.manifest.metadata.force).toBeUndefined();
  });

  test('rejects a running run, an unknown run, an unknown field and an invalid operator', async () => {
    const running = await admitBatch(gateway.deps.ledger, { batchId: 'under way' });
    expect(await post(`/api/runs/${running.run_id}/rerun`)).toMatchObject({
      status: 409,
      body: { error: { code: 'TRANSITION_ILLEGAL', message: expect.stringContaining('is still running') as string } },
    });
    expect(await post('/api/runs/nothing/rerun')).toMatchObject({
      status: 404,
      body: { error: { code: 'RUN_NOT_FOUND' } },
    });
    const run = await endedRun('wrong body');
    expect(await post(`/api/runs/${run.run_id}/rerun`, { forse: true })).toMatchObject({
      status: 400,
      body: { error: { code: 'REQUEST_INVALID' } },
    });
    expect(await post(`/api/runs/${run.run_id}/rerun`, undefined, '%0A')).toMatchObject({
      status: 400,
      body: { error: { code: 'REQUEST_INVALID', message: expect.stringContaining('X-Operator') as string } },
    });
  });

  test('rejects a request id that was used for another run of the batch', async () => {
    const run = await endedRun('mixed up');
    const { body } = await post(`/api/runs/${run.run_id}/rerun`, { request_id: 'x' });
    await gateway.deps.ledger.endRun(body.run_id ?? '', 'canceled', null);
    expect(await post(`/api/runs/${body.run_id}/rerun`, { request_id: 'x' })).toMatchObject({
      status: 400,
      body: { error: { code: 'REQUEST_INVALID' } },
    });
  });
});

describe('cancel', () => {
  test('ends the run, logs the operator and publishes the event for the archive step', async () => {
    const run = await admitBatch(gateway.deps.ledger, { batchId: 'canceled é' });
    const { status, body } = await post(`/api/runs/${run.run_id}/cancel`);
    expect([status, body]).toMatchObject([
      200,
      { run_id: run.run_id, status: 'canceled', error: { code: 'CANCELED', message: 'Zoë 🗺 canceled the run.' } },
    ]);
    await expect
      .poll(() => received.find(({ subject, type }) => subject === run.run_id && type === 'sluice.run.canceled')?.data)
      .toEqual({ run_id: run.run_id, lane: run.lane, dataset_id: run.dataset_id, operator: 'Zoë 🗺' });
    expect(await gateway.deps.ledger.getManifest(run.manifest_id)).toMatchObject({ status: 'canceled' });
  });

  test('has no effect when repeated, even by another operator', async () => {
    const run = await admitBatch(gateway.deps.ledger, { batchId: 'canceled twice' });
    const first = await post(`/api/runs/${run.run_id}/cancel`);
    expect(await post(`/api/runs/${run.run_id}/cancel`, undefined, 'eve')).toEqual(first);
    expect(await activities(`/api/runs/${run.run_id}/activity`)).toMatchObject([
      { activity: 'run_canceled', operator: 'Zoë 🗺' },
    ]);
    expect(await activities('/api/activity?batch_id=canceled%20twice')).toHaveLength(1);
  });

  test('rejects a run that has ended', async () => {
    const run = await endedRun('too late');
    expect(await post(`/api/runs/${run.run_id}/cancel`)).toMatchObject({
      status: 409,
      body: {
        error: {
          code: 'TRANSITION_ILLEGAL',
          message: `Run ${run.run_id} has already ended with status "failure". Only a running run can be canceled.`,
        },
      },
    });
    expect(await post('/api/runs/0d4a1f6e-2f64-8c11-9a3e-0123456789ab/cancel')).toMatchObject({
      status: 404,
      body: { error: { code: 'RUN_NOT_FOUND' } },
    });
  });
});
