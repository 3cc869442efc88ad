import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { admitBatch, manifestDocument } from '../../../tests/fixtures/documents.ts';
import { startGateway, type TestGateway } from '../../../tests/gateway.ts';
import type { RunView } from '#shared/api/views.ts';

let gateway: TestGateway;
let url: string;

beforeAll(async () => {
  gateway = await startGateway();
  url = await gateway.listen();
});
afterAll(() => gateway.stop());

const get = async (path: string) => {
  const reply = await fetch(url + path);
  return { status: reply.status, body: (await reply.json()) as unknown };
};
const REJECTION = { code: 'MANIFEST_INVALID' as const, message: 'files: is missing.', details: { issues: [] } };

test('returns a run by its id and by its batch', async () => {
  const run = await admitBatch(gateway.deps.ledger, { batchId: 'Lot n° 1 # é', datasetId: 'forêts' });
  const expected = {
    run_id: run.run_id,
    batch_id: 'Lot n° 1 # é',
    status: 'running',
    asset: null,
    assets: [],
    reused: false,
    error: null,
    advice: null,
    archived: false,
    dataset_id: 'forêts',
    lane: 'vector',
    intent: 'ingest_vector',
    manifest_key: 'manifests/Lot n° 1 # é.json',
    created_at: run.created_at,
    finished_at: null,
    rerun_of: null,
    operator: 'zoë',
    steps: ['load-to-postgis', 'transform-recipe', 'export-geoparquet', 'record-lineage', 'archive'].map((name) => ({
      name,
      status: 'pending',
      attempt: 0,
      seconds: null,
      started_at: null,
      finished_at: null,
      error: null,
    })),
  };
  expect(await get(`/api/runs/${run.run_id}`)).toEqual({ status: 200, body: expected });
  expect(await get(`/api/batches/${encodeURIComponent('Lot n° 1 # é')}`)).toEqual({ status: 200, body: expected });
  expect(await get(`/api/runs/${run.run_id}/manifest`)).toEqual({ status: 200, body: run.manifest });
  expect(await get(`/api/runs?batch_id=${encodeURIComponent('Lot n° 1 # é')}&status=running`)).toEqual({
    status: 200,
    body: [expected],
  });
});

test('returns a rejected manifest as a RunView', async () => {
  await gateway.deps.ledger.recordManifest(
    manifestDocument({
      batch_id: null,
      claimed_batch_id: 'rejected/1',
      status: 'failure',
      error: REJECTION,
    }),
  );
  expect(await get(`/api/batches/${encodeURIComponent('rejected/1')}`)).toMatchObject({
    status: 200,
    body: {
      run_id: null,
      batch_id: 'rejected/1',
      status: 'failure',
      steps: [],
      asset: null,
      error: REJECTION,
      archived: false,
    },
  });
});

test('distinguishes the manifest that has a batch_id from one that was rejected for it', async () => {
  const run = await admitBatch(gateway.deps.ledger, { batchId: 'twice' });
  const taken = { code: 'BATCH_ID_TAKEN' as const, message: 'Another manifest has used it.', details: {} };
  await gateway.deps.ledger.recordManifest(
    manifestDocument({
      batch_id: null,
      claimed_batch_id: 'twice',
      manifest_key: 'manifests/second.json',
      status: 'failure',
      error: taken,
    }),
  );
  expect(await get('/api/batches/twice')).toMatchObject({ body: { run_id: run.run_id } });
  expect(await get('/api/batches/twice?manifest_key=manifests/twice.json')).toMatchObject({
    body: { run_id: run.run_id },
  });
  expect(await get('/api/batches/twice?manifest_key=manifests/second.json')).toMatchObject({
    body: { run_id: null, error: { code: 'BATCH_ID_TAKEN' } },
  });
});

test('returns the newest upload of a manifest_key, and 404 until it was read', async () => {
  const { ledger, objects, env } = gateway.deps;
  const upload = (text: string) =>
    objects.put(env.LANDING_BUCKET, 'manifests/again é.json', text, { contentType: 'application/json' });
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  const shown = async () =>
    (await get(`/api/batches/again%20%C3%A9?manifest_key=${encodeURIComponent('manifests/again é.json')}`)).body as {
      run_id?: string | null;
      error: { code: string } | null;
    };
  const run = await admitBatch(ledger, { batchId: 'again é' });
  await ledger.markManifestArchived(run.manifest_id, 'archive/manifests/again é.json');
  expect(await shown()).toMatchObject({ run_id: run.run_id });

  const rejected = async (text: string) => {
    const document = manifestDocument({
      batch_id: null,
      claimed_batch_id: 'again é',
      manifest_key: 'manifests/again é.json',
      sha256: sha256(text),
      status: 'failure',
      error: REJECTION,
    });
    await ledger.recordManifest(document);
    return document._id;
  };
  await upload('{"batch_id":"again é"}');
  expect(await shown()).toMatchObject({ error: { code: 'BATCH_NOT_FOUND' } });
  const second = await rejected('{"batch_id":"again é"}');
  expect(await shown()).toMatchObject({ run_id: null, error: { code: 'MANIFEST_INVALID' } });
  await upload('{"batch_id":"again é","files":[]}');
  expect(await shown()).toMatchObject({ error: { code: 'BATCH_NOT_FOUND' } });

  await ledger.markManifestArchived(second, 'archive/manifests/again é.second.json');
  await objects.delete(env.LANDING_BUCKET, 'manifests/again é.json');
  expect(await shown()).toMatchObject({ run_id: null, error: { code: 'MANIFEST_INVALID' } });
});

test('returns 404 for unknown ids and routes', async () => {
  expect(await get('/api/runs/nothing')).toMatchObject({ status: 404, body: { error: { code: 'RUN_NOT_FOUND' } } });
  expect(await get('/api/runs/0d4a1f6e-2f64-8c11-9a3e-0123456789ab')).toMatchObject({
    status: 404,
    body: { error: { code: 'RUN_NOT_FOUND' } },
  });
  expect(await get('/api/batches/nothing')).toMatchObject({
    status: 404,
    body: { error: { code: 'BATCH_NOT_FOUND' } },
  });
  expect(await get('/api/nothing')).toMatchObject({
    status: 404,
    body: { error: { code: 'ROUTE_NOT_FOUND', message: 'Route GET /api/nothing does not exist.' } },
  });
  expect(await get('/api/runs?status=done')).toMatchObject({
    status: 400,
    body: { error: { code: 'REQUEST_INVALID' } },
  });
});

/** The views of a stream of server-sent events, until it ends. */
async function* states(path: string): AsyncGenerator<RunView> {
  const reply = await fetch(url + path);
  expect(reply.headers.get('content-type')).toContain('text/event-stream');
  let text = '';
  for await (const chunk of reply.body!.pipeThrough(new TextDecoderStream())) {
    const messages = (text += chunk).split('\n\n');
    text = messages.pop() ?? '';
    for (const message of messages)
      if (message.startsWith('event: run\n')) yield JSON.parse(message.slice('event: run\ndata: '.length)) as RunView;
  }
}

test('follows a batch from before its manifest was read until it is archived', async () => {
  const { ledger } = gateway.deps;
  const seen: RunView[] = [];
  const following = (async () => {
    for await (const state of states('/api/batches/live/events')) seen.push(state);
  })();
  const run = await admitBatch(ledger, { batchId: 'live' });
  const steps = ['load-to-postgis', 'transform-recipe', 'export-geoparquet', 'record-lineage', 'archive'] as const;
  for (const step of steps) {
    const claim = await ledger.claimStep({ runId: run.run_id, step, owner: 'test', leaseSeconds: 60 });
    assert(claim.outcome === 'claimed', `The claim is ${claim.outcome}.`);
    await ledger.finishStep(
      { runId: run.run_id, step, token: claim.token },
      null,
      step === 'record-lineage' ? 'success' : undefined,
    );
  }
  await following;
  expect(seen.at(-1)).toMatchObject({ run_id: run.run_id, status: 'success', archived: true });
  expect(
    seen.at(-1)?.steps.every((step) => step.status === 'done' && step.attempt === 1 && step.seconds !== null),
  ).toBe(true);
});

test('follows a rejected manifest', async () => {
  const following = (async () => {
    for await (const state of states('/api/batches/refused/events')) if (state.archived) return state;
    return undefined;
  })();
  const document = manifestDocument({
    batch_id: null,
    claimed_batch_id: 'refused',
    status: 'failure',
    error: REJECTION,
  });
  await gateway.deps.ledger.recordManifest(document);
  await gateway.deps.ledger.markManifestArchived(document._id, 'archive/manifests/refused.json');
  expect(await following).toMatchObject({ run_id: null, error: REJECTION });
});

test('returns 404 for the events of an unknown run', async () => {
  expect(await get('/api/runs/0d4a1f6e-2f64-8c11-9a3e-0123456789ab/events')).toMatchObject({ status: 404 });
});
