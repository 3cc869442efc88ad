import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { StepName } from '#shared/contracts/lanes.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { type Batch, TABLES, VECTOR } from '../faults/batches.ts';
import { durableState } from '../faults/worker-process.ts';
import { inconsistencies } from '../lake-consistency.ts';
import { mongoDatabase } from '../mongodb.ts';
import { type FunctionName, Installation, RUN_TIMEOUT_MS } from './installation.ts';

/** A run that waits at the gate in transform-recipe. */
const AT_GATE: Batch = {
  ...VECTOR,
  files: [
    {
      name: 'tor #1 é.geojson',
      type: 'vector',
      format: 'GeoJSON',
      body: JSON.stringify({
        type: 'FeatureCollection',
        features: [{ type: 'Feature', properties: { gate: 1 }, geometry: { type: 'Point', coordinates: [1, 50] } }],
      }),
    },
  ],
};
const WITHOUT_GATE: Batch = {
  ...AT_GATE,
  files: [{ ...AT_GATE.files[0]!, body: String(AT_GATE.files[0]!.body).replace('gate', 'name') }],
};

/** Attempts of the gateways to connect to a database that is unreachable. */
const SEVERAL = 4;
/** Twice the lease of a claim, and longer than the grace time of a function. */
const OUTAGE_MS = 30_000;
/** Of the function that loses the ledger. Its replica waits for the end of the lease. */
const SHORT_LEASE = { CLAIM_LEASE_SECONDS: '2' };

let sluice: Installation;
beforeAll(async () => {
  sluice = await Installation.start();
});
afterAll(() => sluice.stop());

const stepOf = (run: RunDocument | undefined, name: StepName) => run?.steps.find((step) => step.name === name);

/** Waits for the run of each batch, which must have succeeded with one version. */
async function expectSuccess(...batchIds: string[]): Promise<void> {
  for (const batchId of batchIds) {
    const run = await sluice.ended(batchId);
    expect([batchId, run.status, run.error]).toEqual([batchId, 'success', null]);
    expect(await sluice.context.ledger.listAssets({ dataset_id: batchId })).toMatchObject([{ version: 1 }]);
  }
}

async function stepIsDone(batchId: string, step: StepName): Promise<void> {
  await vi.waitUntil(async () => stepOf(await sluice.runOf(batchId), step)?.status === 'done', {
    timeout: RUN_TIMEOUT_MS,
    interval: 20,
  });
}

/** Uploads a run and waits until transform-recipe is at the closed gate. */
async function stopAtGate(batchId: string): Promise<void> {
  await sluice.gate.close();
  await sluice.upload(AT_GATE, batchId);
  await vi.waitUntil(async () => (await sluice.gate.waiting()) > 0, { timeout: RUN_TIMEOUT_MS, interval: 20 });
}

describe('functions and gateways in processes of their own', { timeout: 3 * RUN_TIMEOUT_MS }, () => {
  test('two gateways share the queue, and each step is executed once', async () => {
    const before = await sluice.deliveries();
    const batches = Array.from({ length: 6 }, (_, index) => `shared-${index}`);
    await Promise.all(batches.map((id, index) => sluice.upload(index % 2 ? TABLES : WITHOUT_GATE, id)));
    await expectSuccess(...batches);
    for (const id of batches)
      expect((await sluice.runOf(id))?.steps.map(({ attempt }) => attempt)).toEqual(
        (await sluice.runOf(id))?.steps.map(() => 1),
      );
    const after = await sluice.deliveries();
    expect(after.every((count, index) => count > (before[index] ?? 0))).toBe(true);
  });

  test('kill -9 of every function during its call fails no run', async () => {
    const killed: FunctionName[] = [
      'validate-manifest',
      'load-to-postgis',
      'transform-recipe',
      'export-geoparquet',
      'export-parquet',
      'record-lineage',
      'archive',
    ];
    const restarts = killed.map(
      (name) =>
        new Promise<unknown>((restarted) => {
          sluice.front.onCall.set(name, () => {
            const program = sluice.functions.get(name);
            sluice.front.ports.delete(name);
            restarted(sluice.kill(program).then(() => sluice.startFunction(name)));
          });
        }),
    );
    const batches = ['killed-0', 'killed-1', 'killed-2', 'killed-3'];
    await Promise.all(batches.map((id, index) => sluice.upload(index % 2 ? TABLES : WITHOUT_GATE, id)));
    await Promise.all(restarts);
    await expectSuccess(...batches);
  });

  test('SIGTERM during a step: the function completes the step and ends with exit code 0', async () => {
    await stopAtGate('drained');
    const ending = sluice.functions.get('transform-recipe')!.end('SIGTERM');
    await sluice.gate.open();
    expect(await ending).toBe(0);
    await sluice.startFunction('transform-recipe');
    await expectSuccess('drained');
    expect(stepOf(await sluice.runOf('drained'), 'transform-recipe')).toMatchObject({ attempt: 1 });
  });

  test('SIGTERM of both gateways during a step: the next gateway continues the run', async () => {
    await stopAtGate('handed-over');
    expect(await Promise.all(sluice.gateways.map((gateway) => gateway.end('SIGTERM')))).toEqual([0, 0]);
    await sluice.gate.open();
    await Promise.all([sluice.startGateway(0), sluice.startGateway(1)]);
    await expectSuccess('handed-over');
    expect(stepOf(await sluice.runOf('handed-over'), 'transform-recipe')).toMatchObject({ attempt: 1 });
  });

  test('a function that responds after the limit of its caller executes its step once', async () => {
    await stopAtGate('late');
    const sent = () => sluice.front.sent.get('transform-recipe') ?? 0;
    const before = sent();
    sluice.front.giveUp('transform-recipe');
    // The event is delivered again while the first call still executes the step.
    await vi.waitUntil(() => sent() > before, { timeout: RUN_TIMEOUT_MS, interval: 20 });
    await sluice.gate.open();
    await expectSuccess('late');
    expect(stepOf(await sluice.runOf('late'), 'transform-recipe')).toMatchObject({ attempt: 1 });
  });

  test('the control database is unreachable during runs', async () => {
    await stopAtGate('database-away');
    sluice.control.cut();
    await sluice.gate.open();
    // The step ends while its outcome cannot be stored.
    await stepIsDone('database-away', 'transform-recipe');
    const { refused } = sluice.control;
    await vi.waitUntil(() => sluice.control.refused >= refused + SEVERAL, { timeout: RUN_TIMEOUT_MS, interval: 20 });
    const checks = { queue: expect.not.stringMatching(/^ok$/) as string };
    const away = mongoDatabase() === undefined ? { status: 'down' } : { status: 'degraded', checks };
    await expect.poll(() => sluice.health(), { timeout: RUN_TIMEOUT_MS }).toMatchObject([away, away]);
    sluice.control.open();
    await expectSuccess('database-away');
    await expect
      .poll(() => sluice.health(), { timeout: RUN_TIMEOUT_MS })
      .toMatchObject([{ status: 'ok' }, { status: 'ok' }]);
  });

  test('the control database is unreachable for 30 s, in which the grace time of a function ends its step', async () => {
    await stopAtGate('outlasting');
    const stopped = sluice.functions.get('transform-recipe')!;
    await sluice.startFunction('transform-recipe');
    const cut = new Promise<number>((resolve) => {
      sluice.front.onCall.set('export-parquet', () => {
        sluice.control.cut();
        resolve(performance.now());
      });
    });
    await sluice.upload(TABLES, 'long-outage');
    const since = await cut;
    const ending = stopped.end('SIGTERM');
    // The step ends while its outcome cannot be stored.
    await stepIsDone('long-outage', 'export-parquet');
    // The function aborts the other step after 20 s, and gives its claim back. Nothing can be delivered meanwhile.
    expect(await ending).toBe(0);
    expect(await sluice.gate.waiting()).toBe(0);
    expect(stepOf(await sluice.runOf('outlasting'), 'transform-recipe')).toMatchObject({
      ...{ status: 'failed', attempt: 1 },
      error: { code: 'FUNCTION_UNAVAILABLE' },
    });
    await vi.waitUntil(() => performance.now() - since > OUTAGE_MS, { timeout: RUN_TIMEOUT_MS, interval: 100 });
    await sluice.gate.open();
    sluice.control.open();
    await expectSuccess('long-outage', 'outlasting');
    expect(stepOf(await sluice.runOf('long-outage'), 'export-parquet')).toMatchObject({ attempt: 1 });
    expect(stepOf(await sluice.runOf('outlasting'), 'transform-recipe')).toMatchObject({ attempt: 2 });
  });

  test(
    'kill -9 of a gateway during a step: the other one continues the run',
    { timeout: 2 * RUN_TIMEOUT_MS },
    async () => {
      await stopAtGate('gateway-killed');
      // One of them waits for the function.
      await sluice.kill(sluice.gateways[0]);
      await sluice.gate.open();
      await expectSuccess('gateway-killed');
      await sluice.startGateway(0);
      expect(stepOf(await sluice.runOf('gateway-killed'), 'transform-recipe')).toMatchObject({ attempt: 1 });
    },
  );

  test.skipIf(mongoDatabase() === undefined)(
    'a function that cannot reach the ledger for longer than its lease is replaced, and its late writes are rejected',
    async () => {
      const { network, variables } = await sluice.proxyToLedger();
      await sluice.functions.get('transform-recipe')!.end('SIGTERM');
      const isolated = await sluice.startFunction('transform-recipe', { ...variables, ...SHORT_LEASE });
      await stopAtGate('isolated');
      network.hold();
      // On a busy machine, the lease can have expired before.
      const { attempt } = stepOf(await sluice.runOf('isolated'), 'transform-recipe')!;
      // The replica is the other end of the calls from now on. It gets the step when the lease has expired.
      const replica = await sluice.startFunction('transform-recipe');
      sluice.front.giveUp('transform-recipe');
      await vi.waitUntil(
        async () => (stepOf(await sluice.runOf('isolated'), 'transform-recipe')?.attempt ?? 0) > attempt,
        { timeout: RUN_TIMEOUT_MS, interval: 50 },
      );
      await sluice.gate.open();
      await expectSuccess('isolated');
      const { run_id } = (await sluice.runOf('isolated'))!;
      const before = await durableState(sluice.context, run_id, ['isolated']);
      network.open();
      // The process executes the end of its call, and then nothing more.
      expect(await isolated.end('SIGTERM')).toBe(0);
      expect(await durableState(sluice.context, run_id, ['isolated'])).toEqual(before);
      sluice.functions.set('transform-recipe', replica);
    },
  );

  test('nothing is left over, and ledger, lake and catalog are consistent', async () => {
    await vi.waitFor(
      async () => expect(await sluice.leftovers()).toEqual({ schemas: [], scratch: [], manifests: [], letters: [] }),
      { timeout: RUN_TIMEOUT_MS, interval: 200 },
    );
    expect(await inconsistencies(sluice.context)).toEqual([]);
  });
});
