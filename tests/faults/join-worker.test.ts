import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { AssetDocument } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';
import { openFunctionContext } from '../function-context.ts';
import { requestJoin, spatialAsset, tabularAsset } from '../lake-assets.ts';
import { drive, isStopped, PATIENCE_MS, startWorker, state } from './worker-process.ts';

/** The worker of a join dies, or is stopped past its claim, at each of its writes. Another one ends the run, and nothing of the first may show. */

const CHAIN = ['join', 'export-geoparquet', 'record-lineage', 'archive'];

let context: Context & AsyncDisposable;
let spatial: AssetDocument;
let tabular: AssetDocument;
beforeAll(async () => {
  context = await openFunctionContext({ CLAIM_LEASE_SECONDS: '1' });
  spatial = await spatialAsset(context, 'länder', `select n::bigint as sluice_fid, n::integer as nr, st_setsrid(st_makepoint(n % 100, n % 50), 4326) as geom from generate_series(1, 5000) as n`, { rows: 5000 });
  tabular = await tabularAsset(context, 'zahlen', `select (i * 2)::bigint as id, 'Größe #' || i as wort from range(1, 5001) as t (i)`, [{ name: 'id', type: 'bigint' }, { name: 'wort', type: 'text' }]);
});
afterAll(() => context[Symbol.asyncDispose]());

const WRITES = [
  'create schema', 'insert into .*fence', 'create unlogged table join_spatial \\(', 'copy join_spatial from', 'create unlogged table join_tabular \\(', 'copy join_tabular from',
  'create unlogged table join_tabular_keys', 'create unlogged table join_spatial_keys', 'create unlogged table processed', 'update ledger.runs',
];

describe.each(['SIGCONT', 'SIGKILL'] as const)('%s', (signal) => {
  test.each(WRITES)('before "%s"', async (stopAt) => {
    const datasetId = `${signal}-${WRITES.indexOf(stopAt)}`;
    const { run, requested } = await requestJoin(context, { spatial_asset_id: spatial._id, tabular_asset_id: tabular._id, left_key: 'nr', right_key: 'id' }, datasetId);
    const worker = startWorker(context, 'join', requested, stopAt);
    const ended = once(worker.child, 'close');
    await vi.waitUntil(() => isStopped(worker.child), { timeout: PATIENCE_MS, interval: 20 });
    if (signal === 'SIGKILL') worker.child.kill('SIGKILL');
    await drive(context, CHAIN, requested);
    const after = await state(context, run.run_id, datasetId);
    expect(after).toMatchObject({
      run: { status: 'success' }, schemas: [], scratch: [], unregistered: [],
      assets: [{ kind: 'joined', version: 1, row_count: 5000, join: { matched_rows: 2500, unmatched_spatial: { count: 2500 }, unmatched_tabular: { count: 2500 } } }],
    });
    expect(after.lineage[0]).toHaveLength(2);
    if (signal === 'SIGCONT') worker.child.kill('SIGCONT');
    await ended;
    expect(await state(context, run.run_id, datasetId)).toEqual(after);
  }, 2 * PATIENCE_MS);
});
