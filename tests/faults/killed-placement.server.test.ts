import assert from 'node:assert/strict';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { rankServers } from '#shared/postgis/server-list.ts';
import { uploadBatch, VECTOR } from './batches.ts';
import type { WritePoint } from './durable-writes.ts';
import { openKilledSluices } from './victims.ts';
import { TIMEOUT_MS } from './worker-process.ts';

/** A Sluice with two PostGIS servers is killed at the write that places a run, and at the writes around it. */

const servers = await openKilledSluices({ postgisServers: 2 });
const { ledger, postgis } = servers.context;
let points: WritePoint[];
beforeAll(async () => {
  points = await servers.record(VECTOR);
}, TIMEOUT_MS);
afterAll(() => servers.close());

test.each([
  ['the claim that places it', /^sql with run as materialized/, 0, false],
  ['the write after this claim', /^sql with run as materialized/, 1, true],
  ['the schema on the server', /^sql create schema if not exists proc/, 0, true],
  ['the fencing token in this schema', /^sql insert into proc.sluice_fence/, 0, true],
])(
  'after a kill before %s, the run is placed once, succeeds, and leaves nothing',
  { timeout: 3 * TIMEOUT_MS },
  async (name, write, offset, isPlaced) => {
    const index = points.findIndex((each) => write.test(each.name));
    const point = points[index + offset];
    assert(index >= 0 && point !== undefined, points.map((each) => each.name).join('\n'));
    const batchId = name.replaceAll(' ', '-');
    const child = await servers.running();
    const ended = once(child, 'close', { signal: AbortSignal.timeout(TIMEOUT_MS) });
    await uploadBatch(VECTOR, batchId, batchId, servers.context);
    servers.go(child, { target: { point, when: 'before', action: 'SIGKILL' } });
    await ended;
    expect((await servers.runOf(batchId))?.placement !== undefined).toBe(isPlaced);

    await servers.running();
    await vi.waitUntil(() => servers.isOver(batchId), { timeout: TIMEOUT_MS, interval: 50 });
    const run = await servers.runOf(batchId);
    expect(run).toMatchObject({ status: 'success', error: null });
    const names = postgis.servers.map((server) => server.name);
    expect(run?.placement).toEqual({ server: rankServers(run?.run_id ?? '', names)[0], token: 1 });
    expect(await ledger.listAssets({ dataset_id: batchId })).toHaveLength(1);
    expect(await postgis.listRunSchemas()).toEqual([]);
  },
);
