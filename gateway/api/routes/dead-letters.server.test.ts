import { afterAll, beforeAll, expect, test } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { runRequested } from '#shared/events/run-events.ts';
import type { DeadLetterView } from '#shared/api/views.ts';
import { admitBatch } from '../../../tests/fixtures/documents.ts';
import { startGateway, type TestGateway } from '../../../tests/gateway.ts';

let gateway: TestGateway;
/** Runs whose load succeeds. */
const repaired = new Set<string>();
const loaded: string[] = [];

beforeAll(async () => {
  gateway = await startGateway({
    'load-to-postgis': {
      topic: 'sluice.run.requested.vector',
      run: async ({ subject = '' }: SluiceEvent) => {
        if (!repaired.has(subject)) throw new SluiceError('STORE_DENIED', 'The object store rejected roads é.zip.');
        loaded.push(subject);
        return undefined;
      },
    },
  });
});
afterAll(() => gateway.stop());

const call = async (method: string, path: string) => {
  const reply = await gateway.app.request(path, { method, headers: { host: 'localhost', 'x-operator': 'ana' } });
  return { status: reply.status, body: (await reply.json()) as unknown };
};
const letterOf = async (runId: string) =>
  ((await call('GET', '/api/dead-letters')).body as DeadLetterView[]).find((letter) => letter.run_id === runId);
/** A run whose first event became a dead letter. */
const deadRun = async (batchId: string) => {
  const run = await admitBatch(gateway.deps.ledger, { batchId });
  await gateway.deps.router.publish(runRequested(run));
  await expect.poll(() => letterOf(run.run_id)).toBeDefined();
  return { run, letter: (await letterOf(run.run_id)) as DeadLetterView };
};
const acts = async (runId: string) =>
  (await gateway.deps.ledger.listActivity({ run_id: runId })).map(
    ({ activity, operator }) => `${operator}: ${activity}`,
  );

test('re-drives a dead letter of a running run once', async () => {
  const { run, letter } = await deadRun('redriven é');
  expect(letter).toMatchObject({
    function: 'load-to-postgis',
    redrivable: true,
    advice: null,
    error: { code: 'STORE_DENIED' },
  });
  repaired.add(run.run_id);
  expect(await call('POST', `/api/dead-letters/${letter.id}/redrive`)).toMatchObject({
    status: 200,
    body: { id: letter.id },
  });
  await expect.poll(() => loaded).toContain(run.run_id);
  expect(await acts(run.run_id)).toEqual(['ana: dead_letter_redriven']);
  expect(await call('POST', `/api/dead-letters/${letter.id}/redrive`)).toMatchObject({
    status: 404,
    body: { error: { code: 'DEAD_LETTER_NOT_FOUND' } },
  });
});

test('rejects the re-drive of a step of an ended run, recommends a rerun and keeps the dead letter', async () => {
  const { run, letter } = await deadRun('closed');
  await gateway.deps.ledger.endRun(run.run_id, 'failure', letter.error);
  const refused = await call('POST', `/api/dead-letters/${letter.id}/redrive`);
  expect(refused).toMatchObject({
    status: 409,
    body: {
      error: { code: 'RUN_CLOSED', message: expect.stringContaining(`npx sluice rerun ${run.run_id}`) as string },
    },
  });
  expect(await call('GET', `/api/dead-letters/${letter.id}`)).toMatchObject({
    status: 200,
    body: { redrivable: false, advice: expect.stringContaining('Rerun it instead') as string },
  });
  expect(await acts(run.run_id)).toEqual([]);
});

test.each([
  ['DELETE', ''],
  ['POST', '/discard'],
])('%s …%s discards a dead letter', async (method, suffix) => {
  const { run, letter } = await deadRun(`discarded by ${method}`);
  expect(await call(method, `/api/dead-letters/${letter.id}${suffix}`)).toMatchObject({
    status: 200,
    body: { id: letter.id },
  });
  expect(await letterOf(run.run_id)).toBeUndefined();
  expect(await acts(run.run_id)).toEqual(['ana: dead_letter_discarded']);
  expect(await call(method, `/api/dead-letters/${letter.id}${suffix}`)).toMatchObject({ status: 404 });
});

test('returns 404 for an invalid id', async () => {
  expect(await call('POST', "/api/dead-letters/'; drop table/redrive")).toMatchObject({ status: 404 });
  expect(await call('GET', '/api/dead-letters?limit=0')).toMatchObject({ status: 400 });
});
