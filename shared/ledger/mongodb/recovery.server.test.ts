import assert from 'node:assert/strict';
import { MongoClient } from 'mongodb';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { claimed, OWNER, sampleDraft, succeedWith } from '../../../tests/contract/samples.ts';
import { admitBatch, newBatch, newDatasetId } from '../../../tests/fixtures/documents.ts';
import {
  mongoDatabase,
  NEEDS_MONGODB,
  NEEDS_OWN_MONGODB,
  type OwnMongo,
  startOwnMongo,
} from '../../../tests/mongodb.ts';
import type { ClaimRef } from '#shared/contracts/statuses.ts';
import type { RunDocument } from '../documents.ts';
import type { Ledger } from '../ledger.ts';
import { Database } from './database.ts';
import { mongoLedger } from './mongodb-ledger.ts';
import { setUp } from './set-up.ts';

/** Operations fail soon while the server is stopped. */
const SELECTION_TIMEOUT_MS = 500;
const UNAVAILABLE = { code: 'DATABASE_UNAVAILABLE', retryable: true };

describe.skipIf(mongoDatabase() === undefined)(mongoDatabase() ? 'a server that is killed' : NEEDS_MONGODB, () => {
  let server: OwnMongo;
  let ledger: Ledger;
  const opened: Ledger[] = [];
  const open = async () => {
    const database = new Database(server.url, { serverSelectionTimeoutMS: SELECTION_TIMEOUT_MS });
    await setUp(database);
    const ledger = mongoLedger(database);
    opened.push(ledger);
    return ledger;
  };
  beforeAll(async () => {
    const started = await startOwnMongo();
    if (started === undefined) return;
    server = started;
    ledger = await open();
  });
  beforeEach(({ skip }) => skip((server as OwnMongo | undefined) === undefined, NEEDS_OWN_MONGODB));
  afterAll(async () => {
    await Promise.all(opened.map((each) => each.close()));
    await (server as OwnMongo | undefined)?.stop();
  });

  test('operations fail while it is stopped; after its start, changes are received from the break on', async () => {
    const heard: string[] = [];
    const watching = new AbortController();
    await ledger.watchRuns((runId) => heard.push(runId), watching.signal);
    const run = await admitBatch(ledger);
    await vi.waitFor(() => expect(heard).toContain(run.run_id));

    await server.kill();
    await expect(ledger.getRun(run.run_id)).rejects.toMatchObject(UNAVAILABLE);
    await expect(ledger.ping()).rejects.toMatchObject(UNAVAILABLE);
    await expect(admitBatch(ledger)).rejects.toMatchObject(UNAVAILABLE);
    await expect(claimed(ledger, run, 'load-to-postgis')).rejects.toMatchObject(UNAVAILABLE);
    await server.restart();

    // The other connections write before the stream is open again.
    const other = await open();
    const written = await Promise.all(Array.from({ length: 5 }, () => admitBatch(other)));
    await vi.waitFor(() => expect(heard).toEqual(expect.arrayContaining(written.map(({ run_id }) => run_id))), 30_000);
    expect(await ledger.getRun(run.run_id)).toEqual(run);
    watching.abort();
  });

  test('changes are received after the server has deleted the history since the break', async () => {
    const heard: string[] = [];
    const database = new Database(server.url, { monitorCommands: true });
    const watching = mongoLedger(database);
    opened.push(watching);
    const failures: unknown[] = [];
    database.client.on('commandFailed', ({ commandName, failure }) =>
      failures.push([commandName, (failure as { code?: number }).code]),
    );
    await watching.watchRuns((runId) => heard.push(runId), new AbortController().signal);
    const client = new MongoClient(server.url);
    await client.db('admin').command({
      configureFailPoint: 'failCommand',
      mode: { times: 1 },
      // ChangeStreamHistoryLost
      data: { failCommands: ['getMore'], errorCode: 286 },
    });
    await client.close();
    const hearsRun = async () => {
      const run = await admitBatch(ledger);
      await vi.waitFor(() => expect(heard).toContain(run.run_id), { timeout: 500 });
    };
    // The first change ends the request that waits for changes. The next request fails.
    await vi.waitFor(hearsRun, { timeout: 30_000 });
    await vi.waitFor(() => expect(failures).toEqual([['getMore', 286]]), { timeout: 30_000 });
    await vi.waitFor(hearsRun, { timeout: 30_000 });
  });

  test('operations that are repeated after a kill in the middle of writes have one outcome', async () => {
    const datasetId = newDatasetId();
    const RUNS = 12;
    let succeeded = 0;
    const work = Promise.all(
      Array.from({ length: RUNS }, async () => {
        const run = await executeRun(ledger, datasetId);
        succeeded += 1;
        return run;
      }),
    );
    for (const after of [1, 5]) {
      await vi.waitUntil(() => succeeded >= after, { timeout: 30_000, interval: 5 });
      await server.kill();
      await server.restart();
    }
    const runs = await work;
    const assets = await ledger.listAssets({ dataset_id: datasetId });
    expect(assets.map(({ version }) => version).sort((a, b) => a - b)).toEqual(runs.map((_, index) => index + 1));
    for (const { run_id } of runs) {
      const [asset, ...others] = await ledger.listAssets({ run_id });
      expect(others).toEqual([]);
      expect(await ledger.getRun(run_id)).toMatchObject({ status: 'success', asset_ids: [asset?._id] });
      expect(asset?.stac_key).not.toBeNull();
    }
    expect(await ledger.listRuns({ dataset_id: datasetId })).toHaveLength(RUNS);
  });
});

test.skipIf(mongoDatabase() === undefined)(
  'servers outside the replica set of the URL are a wrong setting at the start, and unavailable later',
  async ({ skip }) => {
    const server = await startOwnMongo({ standalone: true });
    if (server === undefined) return skip(NEEDS_OWN_MONGODB);
    const database = new Database(server.url.replace('directConnection=true', 'replicaSet=rs0'), {
      serverSelectionTimeoutMS: SELECTION_TIMEOUT_MS,
    });
    try {
      await expect(setUp(database)).rejects.toMatchObject({ code: 'CONFIG_INVALID', retryable: false });
      await expect(mongoLedger(database).ping()).rejects.toMatchObject(UNAVAILABLE);
    } finally {
      await database.close();
      await server.stop();
    }
  },
);

/** Repeats an operation until the server responds, as the router does. Other errors are thrown. */
async function repeat<T>(operation: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await operation();
    } catch (thrown) {
      expect(thrown).toMatchObject(UNAVAILABLE);
    }
  }
}

/** Admits a run, registers its asset, and ends it with success. */
async function executeRun(ledger: Ledger, datasetId: string): Promise<RunDocument> {
  const { manifest, run, dataset } = newBatch({ lane: 'tabular', datasetId });
  const admission = await repeat(() => ledger.admitManifest(manifest, run, dataset));
  assert(admission.outcome !== 'batch_taken');
  const result = await repeat(() =>
    ledger.claimStep({
      runId: run.run_id,
      step: 'export-parquet',
      owner: OWNER,
      takeOverFrom: OWNER,
      leaseSeconds: 600,
    }),
  );
  assert(result.outcome === 'claimed', result.outcome);
  const claim: ClaimRef = { runId: run.run_id, step: 'export-parquet', token: result.token };
  await repeat(() => succeedWith(ledger, claim, [sampleDraft(run)])).catch((thrown: unknown) => {
    // The write that ended the run was stored, but its response was lost: the earlier operations are stale then.
    expect(thrown).toMatchObject({ code: 'CLAIM_STALE' });
  });
  return run;
}
