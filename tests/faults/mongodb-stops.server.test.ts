import { describe } from 'vitest';
import { endTransactions, mongoDatabase, NEEDS_MONGODB } from '../mongodb.ts';
import { TABLES, VECTOR } from './batches.ts';
import { describeStops } from './stops.ts';

/**
 * Workers that are stopped at their writes to a ledger in MongoDB, including those in open transactions. MongoDB ends
 * the transaction of a stopped worker after transactionLifetimeLimitSeconds, for which the tests do not wait.
 */

const LEDGER_URL = mongoDatabase();

describe.skipIf(LEDGER_URL === undefined)(LEDGER_URL ? 'the ledger in MongoDB' : NEEDS_MONGODB, () => {
  describeStops(
    [
      [VECTOR, 'load-to-postgis', 'mongodb findOneAndUpdate runs steps'],
      [VECTOR, 'export-geoparquet', 'mongodb findOneAndUpdate runs asset_ids'],
      [VECTOR, 'export-geoparquet', 'mongodb insertOne assets'],
      [VECTOR, 'export-geoparquet', 'mongodb commit'],
      [VECTOR, 'record-lineage', 'mongodb bulkWrite lineage'],
      [VECTOR, 'record-lineage', 'mongodb updateOne assets'],
      [VECTOR, 'record-lineage', 'mongodb findOneAndUpdate runs steps'],
      [VECTOR, 'record-lineage', 'mongodb updateMany assets'],
      [TABLES, 'export-parquet', 'mongodb findOneAndUpdate datasets'],
      [TABLES, 'archive', 'mongodb findOneAndUpdate runs steps'],
    ],
    { variables: { LEDGER_URL: LEDGER_URL ?? '' }, afterStop: endTransactions },
  );
});
