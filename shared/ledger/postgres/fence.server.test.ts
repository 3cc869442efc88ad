import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { admitBatch } from '../../../tests/fixtures/documents.ts';
import { claimed, sampleDraft, sampleEdge, sampleReply } from '../../../tests/contract/samples.ts';
import { createDatabase } from '../../../tests/servers.ts';
import type { RunDocument } from '../documents.ts';
import type { Ledger } from '../ledger.ts';
import { openPostgresLedger } from './postgres-ledger.ts';
import type { ClaimRef } from '#shared/contracts/statuses.ts';

let database: Awaited<ReturnType<typeof createDatabase>>;
let ledger: Ledger;
let blocker: pg.Client;
/** A separate connection: a transaction sees the list of sessions as of its first query. */
let observer: pg.Client;
beforeAll(async () => {
  database = await createDatabase();
  ledger = await openPostgresLedger(database.url);
  blocker = new pg.Client({ connectionString: database.url });
  observer = new pg.Client({ connectionString: database.url });
  await Promise.all([blocker.connect(), observer.connect()]);
});
afterAll(async () => {
  await Promise.all([blocker.end(), observer.end()]);
  await ledger.close();
  await database.drop();
});

/** Resolves when `count` sessions wait for a row lock. */
const untilWaiting = (count: number) =>
  vi.waitFor(
    async () => {
      const { rows } = await observer.query<{ n: number }>(
        `select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event in ('transactionid', 'tuple')`,
      );
      expect(rows[0]?.n).toBe(count);
    },
    { timeout: 10_000 },
  );

const WRITES: [name: string, write: (claim: ClaimRef, run: RunDocument, assetId: string) => Promise<unknown>][] = [
  ['renewClaim', async (claim) => expect(await ledger.renewClaim(claim, 60)).toBe(false)],
  [
    'finishStep',
    (claim, run) =>
      expect(ledger.finishStep(claim, sampleReply(run), 'success')).rejects.toMatchObject({ code: 'CLAIM_STALE' }),
  ],
  ['releaseStep', (claim) => ledger.releaseStep(claim, { code: 'INTERNAL', message: 'too late', details: {} })],
  [
    'registerAsset',
    (claim, run) =>
      expect(ledger.registerAsset(claim, sampleDraft(run, 'late'))).rejects.toMatchObject({ code: 'CLAIM_STALE' }),
  ],
  [
    'linkAsset',
    (claim, _run, assetId) => expect(ledger.linkAsset(claim, assetId)).rejects.toMatchObject({ code: 'CLAIM_STALE' }),
  ],
  [
    'describeAsset',
    (claim, _run, assetId) =>
      expect(ledger.describeAsset(claim, assetId, { iso: {}, item_key: 'x' })).rejects.toMatchObject({
        code: 'CLAIM_STALE',
      }),
  ],
  [
    'insertLineage',
    (claim, run, assetId) =>
      expect(ledger.insertLineage(claim, [sampleEdge(run, assetId)])).rejects.toMatchObject({ code: 'CLAIM_STALE' }),
  ],
];

test.each(WRITES)(
  '%s that starts before a cancellation and gets the row lock after it writes nothing',
  async (_name, write) => {
    const other = await admitBatch(ledger);
    const asset = await ledger.registerAsset(await claimed(ledger, other, 'export-geoparquet'), sampleDraft(other));
    const run = await admitBatch(ledger);
    const claim = await claimed(ledger, run, 'export-geoparquet');

    await blocker.query('begin');
    await blocker.query('select from ledger.runs where run_id = $1 for update', [run.run_id]);
    const ended = ledger.endRun(run.run_id, 'canceled', null);
    await untilWaiting(1);
    const written = write(claim, run, asset._id);
    await untilWaiting(2); // Both have read the run as running; the cancellation is first in the queue.
    await blocker.query('commit');
    const [{ run: canceled }] = await Promise.all([ended, written]);

    expect(await ledger.getRun(run.run_id)).toEqual(canceled);
    expect(await ledger.listAssets({ dataset_id: run.dataset_id })).toEqual([]);
    expect(await ledger.getAsset(asset._id)).toEqual(asset);
    expect(await ledger.listLineage(asset._id)).toEqual([]);
  },
);

test('a claim that waited for the row decides on its newest version, and its lease starts after the wait', async () => {
  const run = await admitBatch(ledger);
  await blocker.query('begin');
  await blocker.query('select from ledger.runs where run_id = $1 for update', [run.run_id]);
  const request = { runId: run.run_id, step: 'load-to-postgis' as const, leaseSeconds: 60 };
  const first = ledger.claimStep({ ...request, owner: 'first' });
  await untilWaiting(1);
  const second = ledger.claimStep({ ...request, owner: 'second' });
  await untilWaiting(2);
  const { rows } = await blocker.query<{ at: string }>('select clock_timestamp()::text as at');
  await blocker.query('commit');
  expect(await first).toMatchObject({ outcome: 'claimed', token: 1 });
  const held = await second;
  expect(held).toMatchObject({ outcome: 'held', owner: 'first' });
  if (held.outcome === 'held')
    expect(Date.parse(held.leaseUntil)).toBeGreaterThanOrEqual(Date.parse(rows[0]?.at ?? '') + 60_000);
});
