import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { resumeRuns } from '../../functions/monitor-runs/resume-runs.ts';
import {
  archived,
  type BrokerStores,
  expectOneAsset,
  notify,
  openBrokerStores,
  points,
  RUN_TIMEOUT_MS,
  upload,
} from '../fixtures/broker-installation.ts';

/** Runs of the vector lane, from a notification to the archive, with a broker double in place of the router. */

let stores: BrokerStores;
beforeAll(async () => {
  stores = await openBrokerStores();
});
afterAll(() => stores.close());

test('a notification becomes an asset, although the broker responds with 500 at first', async () => {
  const installation = await stores.install();
  installation.broker.failNext(3);
  const key = await upload(installation, 'broker é', points(3));
  // MinIO sends each notification to two targets.
  expect(await Promise.all([notify(installation, key), notify(installation, key)])).toEqual([200, 200]);
  await expectOneAsset(installation, await archived(installation, 'broker é'), 3);
  const names = installation.broker.calls.map((call) => call.function);
  expect(names).toEqual([
    'validate-manifest',
    'load-to-postgis',
    'transform-recipe',
    'export-geoparquet',
    'record-lineage',
    'archive',
  ]);
  expect(await stores.queryLedger("select from pg_namespace where nspname in ('pgboss', 'sluice_router')")).toEqual([]);
});

test('duplicates and late replies lead to one result', async () => {
  const installation = await stores.install({ copies: 2, replyDelayMs: 300 });
  await notify(installation, await upload(installation, 'doppelt', points(2)));
  await expectOneAsset(installation, await archived(installation, 'doppelt'), 2);
});

test('a request that is cut off while the step is executed leads to one result', async () => {
  const isClaimed = () =>
    vi.waitFor(
      async () => {
        const [run] = await installation.context.ledger.listRuns({ batch_id: 'gekappt' });
        expect(run?.steps[1]?.status).toBe('running');
      },
      { timeout: RUN_TIMEOUT_MS },
    );
  const installation = await stores.install({ cutOff: { function: 'transform-recipe', when: isClaimed }, retries: 1 });
  const { broker, context } = installation;
  await notify(installation, await upload(installation, 'gekappt', points(2, { wait: true })));
  // The worker still holds the claim after the last retry, so the dead letter must not end the run.
  await vi.waitFor(() => expect(broker.calls.at(-1)?.function).toBe('fail-run'), { timeout: RUN_TIMEOUT_MS });
  const [running] = await context.ledger.listRuns({ batch_id: 'gekappt' });
  expect(running).toMatchObject({ status: 'running', error: null });
  expect(running?.steps[1]).toMatchObject({ name: 'transform-recipe', status: 'running', attempt: 1 });

  await stores.wake();
  await vi.waitFor(
    async () => {
      const [run] = await context.ledger.listRuns({ batch_id: 'gekappt' });
      expect(run?.steps[1]?.status).toBe('done');
    },
    { timeout: RUN_TIMEOUT_MS },
  );
  await resumeRuns(context, Date.now() + 90_000);
  await expectOneAsset(installation, await archived(installation, 'gekappt'), 2);
});

test('an invalid file fails its run immediately, with the complete error, and the run is archived', async () => {
  const installation = await stores.install();
  await notify(
    installation,
    await upload(installation, 'kaputt', points(300, { langer: 'x'.repeat(99) }).slice(0, -9)),
  );
  const run = await archived(installation, 'kaputt');
  expect([run.status, run.error?.code]).toEqual(['failure', 'FILE_UNREADABLE']);
  const calls = installation.broker.calls.map((call) => `${call.function} ${call.status}`);
  expect(calls.toSorted()).toEqual(['archive 200', 'fail-run 200', 'load-to-postgis 422', 'validate-manifest 200']);
});

test('a canceled run is archived, and its rerun creates the asset', async () => {
  const installation = await stores.install();
  const { url, context } = installation;
  const act = async (runId: string, action: string) =>
    (await fetch(`${url}/api/runs/${runId}/${action}`, { method: 'POST', body: '{}' })).status;
  await stores.hold();
  await notify(installation, await upload(installation, 'abbruch', points(2, { wait: true })));
  const { run_id } = await vi.waitFor(
    async () => {
      const [run] = await context.ledger.listRuns({ batch_id: 'abbruch' });
      expect(run?.steps[1]?.status).toBe('running');
      return run ?? expect.unreachable();
    },
    { timeout: RUN_TIMEOUT_MS },
  );
  expect(await act(run_id, 'cancel')).toBe(200);
  expect(await archived(installation, 'abbruch')).toMatchObject({ run_id, status: 'canceled' });
  await stores.wake();
  expect(await act(run_id, 'rerun')).toBe(201);
  await expectOneAsset(installation, await archived(installation, 'abbruch', 2), 2);
});

test('with a broker that responds after the delivery, each function is called once', async () => {
  const installation = await stores.install({ respondsAfterDelivery: true });
  const key = await upload(installation, 'langsam é', points(2));
  expect(await Promise.all([notify(installation, key), notify(installation, key)])).toEqual([200, 200]);
  const [run] = await installation.context.ledger.listRuns({ batch_id: 'langsam é' });
  expect(run?.steps.at(-1)).toMatchObject({ name: 'archive', status: 'done' });
  await expectOneAsset(installation, run ?? expect.unreachable(), 2);
  expect(installation.broker.calls).toHaveLength(6);
});
