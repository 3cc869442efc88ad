import { afterAll, describe, expect, test } from 'vitest';
import { inconsistencies } from '../lake-consistency.ts';
import { endTransactions, mongoDatabase, NEEDS_MONGODB } from '../mongodb.ts';
import { JOIN, RASTERS, TABLES, VECTOR } from './batches.ts';
import type { WritePoint } from './durable-writes.ts';
import { describeKills, killsOf, planKills } from './kills.ts';
import { pointSampler } from './sample-points.ts';
import { openKilledSluices } from './victims.ts';

/**
 * Processes a batch of each lane with the ledger in MongoDB, and kills Sluice (SIGKILL) at its writes to the ledger:
 * each kind of write, including those in open transactions. SLUICE_TEST_ALL tests all writes.
 */

const servers = mongoDatabase() === undefined ? undefined : await openKilledSluices({ ledgerIn: 'mongodb' });
afterAll(() => servers?.close());

// The join needs the assets of the first two.
const BATCHES = [VECTOR, TABLES, RASTERS, JOIN];
/** Their writes include every kind. */
const KILLED = new Set([VECTOR, TABLES]);

/** The renewal of a claim is started by a timer, so that it does not occur in every run. */
const isLedgerWrite = ({ name }: WritePoint) => name.startsWith('mongodb') && !name.includes('renew');

describe.skipIf(servers === undefined)(servers ? 'the ledger in MongoDB' : NEEDS_MONGODB, async () => {
  if (servers === undefined) return;
  const sample = pointSampler();
  const recorded = [];
  for (const batch of BATCHES) recorded.push({ batch, points: await servers.record(batch) });

  test.each(recorded)('$batch.title: all writes to the ledger are in MongoDB', ({ points }) => {
    const names = points.map(({ name }) => name);
    const mongo = points.filter(isLedgerWrite).map(({ name }) => name);
    for (const part of ['insertOne manifests', 'insertOne runs', 'insertOne assets', 'bulkWrite lineage', 'commit'])
      expect(mongo).toContain(`mongodb ${part}`);
    expect(names.filter((name) => name.includes('ledger.'))).toEqual([]);
  });

  describeKills(
    servers,
    recorded
      .filter(({ batch }) => KILLED.has(batch))
      .map(({ batch, points }) =>
        planKills(batch, killsOf(batch, 'before', sample(points.filter(isLedgerWrite)).reverse())),
      ),
    endTransactions,
  );

  test('the ledger, the lake and the catalog are consistent', async () => {
    expect(await inconsistencies(servers.context)).toEqual([]);
  });
});
