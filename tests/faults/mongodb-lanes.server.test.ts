import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inconsistencies } from '../lake-consistency.ts';
import { mongoDatabase, NEEDS_MONGODB } from '../mongodb.ts';
import { JOIN, RASTERS, TABLES, VECTOR } from './batches.ts';
import { type KilledSluices, openKilledSluices } from './victims.ts';

/** Processes a batch of each lane with the ledger in MongoDB. */
describe.skipIf(mongoDatabase() === undefined)(mongoDatabase() ? 'the ledger in MongoDB' : NEEDS_MONGODB, () => {
  let servers: KilledSluices;
  beforeAll(async () => {
    servers = await openKilledSluices({ ledgerIn: 'mongodb' });
  });
  afterAll(() => servers.close());

  // The join needs the assets of the first two.
  test.each([VECTOR, TABLES, RASTERS, JOIN])(
    '$title: the run succeeds, and all writes to the ledger are there',
    async (batch) => {
      const names = (await servers.record(batch)).map(({ name }) => name);
      const mongo = names.filter((name) => name.startsWith('mongodb'));
      for (const part of ['insertOne manifests', 'insertOne runs', 'insertOne assets', 'bulkWrite lineage', 'commit'])
        expect(mongo).toContain(`mongodb ${part}`);
      expect(names.filter((name) => name.includes('ledger.'))).toEqual([]);
    },
  );

  test('the ledger, the lake and the catalog are consistent', async () => {
    expect(await inconsistencies(servers.context)).toEqual([]);
  });
});
