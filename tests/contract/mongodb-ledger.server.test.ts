import { describe } from 'vitest';
import { openMongoLedger } from '#shared/ledger/mongodb/mongodb-ledger.ts';
import { NEEDS_MONGODB, mongoDatabase } from '../mongodb.ts';
import { ledgerContract } from './ledger.ts';

const url = mongoDatabase();

describe.skipIf(url === undefined)(url === undefined ? NEEDS_MONGODB : 'with a MongoDB server', () => {
  ledgerContract('MongoDB', async () => {
    const database = url ?? '';
    // Opened concurrently: both create the collections.
    const [ledger, second] = await Promise.all([openMongoLedger(database), openMongoLedger(database)]);
    return {
      ledger,
      second,
      opener: { module: '#shared/ledger/mongodb/mongodb-ledger.ts', function: 'openMongoLedger', url: database },
      close: async () => {
        await Promise.all([ledger.close(), second.close()]);
      },
    };
  });
});
