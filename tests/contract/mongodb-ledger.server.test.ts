import { MongoClient } from 'mongodb';
import { describe } from 'vitest';
import { openMongoLedger } from '#shared/ledger/mongodb/mongodb-ledger.ts';
import { NEEDS_MONGODB, mongoDatabase } from '../mongodb.ts';
import { ledgerContract } from './ledger.ts';
import { startContract, type StartedDatabase } from './starts.ts';

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
  startContract(createDatabase);
});

async function createDatabase(): Promise<StartedDatabase> {
  const database = mongoDatabase() ?? '';
  const client = new MongoClient(database);
  const db = client.db(new URL(database).pathname.slice(1));
  return {
    opener: { module: '#shared/ledger/mongodb/mongodb-ledger.ts', function: 'openMongoLedger', url: database },
    definitions: async () => {
      const collections = await db.listCollections().toArray();
      const names = collections.map(({ name }) => name).sort();
      const indexes = await Promise.all(names.map((name) => db.collection(name).indexes()));
      const validators = collections.map((collection) => [
        collection.name,
        (collection as { options?: { validator?: unknown } }).options?.validator,
      ]);
      const states = await db.collection('ledger_state').find().toArray();
      return {
        indexes: Object.fromEntries(names.map((name, at) => [name, indexes[at]])),
        validators: validators.sort(),
        states,
      };
    },
    makeOld: async () => {
      await db.command({ collMod: 'datasets', validator: {} });
      await db.collection('runs').dropIndex('run_key_1');
      await db.collection('ledger_state').updateOne({}, { $set: { definitions: 'of 0.0.1', release: '0.0.1' } });
    },
    drop: async () => {
      await db.dropDatabase();
      await client.close();
    },
  };
}
