import { MongoBulkWriteError, type WriteError } from 'mongodb';
import type { CollectionName, Documents } from '../collections.ts';
import type { LedgerDocument, LedgerSnapshot, StoredLedger } from '../transfer/stored-ledger.ts';
import { type Database, DUPLICATE_KEY } from './database.ts';
import { openDatabase } from './mongodb-ledger.ts';
import { fromStored, objectId, type Stored, toStored } from './stored-documents.ts';

/** Documents of one query. The document of a run can have more than 100 KB. */
const BATCH_DOCUMENTS = 50;
/** The snapshot of a session (manual, "Read Concern snapshot"). The driver sets its time after the first read. */
const SNAPSHOT = { readConcern: { level: 'snapshot' } } as const;

/** Opens all documents of a ledger in MongoDB. Creates missing collections. Throws as openMongoLedger. */
export async function openStoredMongoLedger(url: string): Promise<StoredLedger> {
  const database = await openDatabase(url);
  return {
    source: 'mongodb',
    openSnapshot: () => Promise.resolve(openSnapshot(database)),
    find: (name, ids) =>
      database.on(name, async (collection) => {
        const found = await collection.find({ _id: { $in: ids.map(objectId) } }).toArray();
        return found.map((document) => exported(name, document));
      }),
    insertAbsent: (name, documents) =>
      database.on(name, async (collection) => {
        const stored = documents.map((document) => toStored(name, document as unknown as Documents[typeof name]));
        try {
          await collection.insertMany(stored, { ordered: false });
          return [];
        } catch (thrown) {
          return duplicatesOf(thrown).map(({ index }) => documents[index]?._id ?? '');
        }
      }),
    close: () => database.close(),
  };
}

function openSnapshot(database: Database): LedgerSnapshot {
  const session = database.client.startSession({ snapshot: true });
  return {
    activeRuns: (limit) =>
      database.on('runs', async (collection) => {
        const runs = await collection
          .find({ _archived: false }, { projection: { run_id: 1 }, session, ...SNAPSHOT })
          .sort({ created_at: -1, _id: 1 })
          .limit(limit)
          .toArray();
        return runs.map(({ run_id }) => run_id as string);
      }),
    async *read(name) {
      const cursor = await database.on(name, (collection) =>
        Promise.resolve(collection.find({}, { session, ...SNAPSHOT, batchSize: BATCH_DOCUMENTS }).sort({ _id: 1 })),
      );
      try {
        while (await database.execute(() => cursor.hasNext()))
          yield cursor.readBufferedDocuments(BATCH_DOCUMENTS).map((document) => exported(name, document));
      } finally {
        await cursor.close();
      }
    },
    close: () => session.endSession(),
  };
}

function exported(name: CollectionName, document: Stored): LedgerDocument {
  return fromStored(name, document);
}

/** The documents that a unique index rejected. Throws every other error. */
function duplicatesOf(thrown: unknown): readonly WriteError[] {
  if (!(thrown instanceof MongoBulkWriteError)) throw thrown;
  const errors: readonly WriteError[] = [thrown.writeErrors].flat();
  const isUnacknowledged = thrown.result.getWriteConcernError() !== undefined;
  if (isUnacknowledged || errors.length === 0 || errors.some(({ code }) => code !== DUPLICATE_KEY)) throw thrown;
  return errors;
}
