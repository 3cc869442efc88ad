import { statusesBefore } from '#shared/contracts/statuses.ts';
import type { ManifestDocument } from '../documents.ts';
import type { AdmissionDocuments, ManifestQueries } from '../operations/manifests.ts';
import { type Database, insertNew, isDuplicate, type Transaction } from './database.ts';
import { literal, NOW } from './expressions.ts';
import { textEqual } from './indexes.ts';
import { fromStored, objectId, type Stored, toStored } from './stored-documents.ts';

export function manifestQueries(database: Database): ManifestQueries {
  const find = (filter: object, sort: Record<string, 1 | -1> = {}, limit = 0) =>
    database.on('manifests', async (manifests) => {
      const found = await manifests.find(filter).sort(sort).limit(limit).toArray();
      return found.map((manifest) => fromStored('manifests', manifest));
    });
  const first = async (filter: object, sort?: Record<string, 1 | -1>): Promise<ManifestDocument | undefined> =>
    (await find(filter, sort, 1))[0];

  return {
    insertAdmission: (documents) =>
      admit(database, documents, async ({ session, in: collection }, manifest) => {
        await collection('manifests').insertOne(manifest, { session });
        return true;
      }),
    replaceRecordedManifest: (documents) =>
      admit(database, documents, async ({ session, in: collection }, { _id, ...manifest }) => {
        const result = await collection('manifests').replaceOne({ _id, run_id: null }, manifest, { session });
        return result.matchedCount > 0;
      }),
    getAdmittedManifest: (batchId) => first({ batch_id: textEqual(batchId) }),
    insertManifest: (manifest) =>
      database.on('manifests', async (manifests) =>
        (await insertNew(manifests, toStored('manifests', manifest))) ? manifest : undefined,
      ),
    getManifest: (manifestId) => first({ _id: objectId(manifestId) }),
    findManifestsByKey: (manifestKey) => find({ manifest_key: manifestKey }, NEWEST),
    findManifestByBatch: async (batchId) =>
      (await first({ batch_id: textEqual(batchId) })) ??
      (await first({ claimed_batch_id: textEqual(batchId) }, NEWEST)),
    endManifest: (manifestId, status, error) =>
      database.on('manifests', async (manifests) => {
        const result = await manifests.updateOne(
          { _id: objectId(manifestId), status: { $in: statusesBefore(status) } },
          [{ $set: { status, error: literal(error), updated_at: NOW } }],
        );
        return result.matchedCount > 0;
      }),
    async markManifestArchived(manifestId, archiveKey) {
      await database.on('manifests', (manifests) =>
        manifests.updateOne({ _id: objectId(manifestId), archive_key: { $ne: archiveKey } }, [
          { $set: { archive_key: literal(archiveKey), updated_at: NOW } },
        ]),
      );
    },
  };
}

const NEWEST = { created_at: -1, _id: 1 } as const;

/** A unique index rejected the manifest. The transaction has no effect. */
class ManifestStored extends Error {}

/** Writes the manifest with `write`, and inserts run and dataset, in one transaction. False: nothing was written. */
async function admit(
  database: Database,
  documents: AdmissionDocuments,
  write: (transaction: Transaction, manifest: Stored) => Promise<boolean>,
): Promise<boolean> {
  const [manifest, run, dataset] = [
    toStored('manifests', documents.manifest),
    toStored('runs', documents.run),
    toStored('datasets', documents.dataset),
  ];
  try {
    return await database.transaction(async (transaction) => {
      const { session } = transaction;
      const isWritten = await write(transaction, manifest).catch((thrown: unknown) => {
        throw isDuplicate(thrown) ? new ManifestStored() : thrown;
      });
      if (!isWritten) return false;
      await transaction.in('runs').insertOne(run, { session });
      const { _id, ...fields } = dataset;
      await transaction.in('datasets').updateOne({ _id }, { $setOnInsert: fields }, { upsert: true, session });
      return true;
    });
  } catch (thrown) {
    if (thrown instanceof ManifestStored || (thrown as Error).cause instanceof ManifestStored) return false;
    throw thrown;
  }
}
