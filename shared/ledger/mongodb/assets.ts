import type { ObjectId } from 'mongodb';
import type { ClaimRef } from '#shared/contracts/statuses.ts';
import type { AssetDocument } from '../documents.ts';
import type { DatasetVersion } from '../ledger.ts';
import type { AssetQueries, AssetWrite } from '../operations/assets.ts';
import { heldBy } from './claims.ts';
import { type Database, type Transaction, writeMark } from './database.ts';
import { NOW } from './expressions.ts';
import { DEFAULT_LIMIT, definedFields } from './records.ts';
import { fromStored, objectId, type Stored, storedValue, toStored } from './stored-documents.ts';

/** Assets that are not removed. */
export const EXISTS = { removed: { $exists: false } };
/** Assets that have their catalog records. */
export const COMPLETE = { stac_key: { $ne: null } };

export function assetQueries(database: Database): AssetQueries {
  const find = (filter: object, sort: Record<string, 1 | -1>, { limit = 0, offset = 0 } = {}) =>
    database.on('assets', async (assets) => {
      const found = await assets
        .find({ ...filter, ...EXISTS })
        .sort(sort)
        .skip(offset)
        .limit(limit)
        .toArray();
      return found.map((asset) => fromStored('assets', asset));
    });
  const first = async (filter: object, sort: Record<string, 1 | -1> = {}): Promise<AssetDocument | undefined> =>
    (await find(filter, sort, { limit: 1 }))[0];

  /** Writes an asset in a transaction in which the claim stays current. */
  const write = (claim: ClaimRef, change: (transaction: Transaction, run: Stored) => Promise<boolean>) =>
    database.transaction(async (transaction): Promise<AssetWrite> => {
      const run = await lockRun(transaction, claim);
      if (run === null) return 'stale';
      return (await change(transaction, run)) ? 'written' : 'not_found';
    });

  return {
    insertAsset: (claim, draft, dataset) =>
      database.transaction(async (transaction) => {
        const { session } = transaction;
        const run = await lockRun(transaction, claim);
        if (run === null) return undefined;
        const _id = objectId(draft._id);
        const stored = await transaction.in('assets').findOne({ _id }, { session });
        if (stored !== null) return fromStored('assets', stored);
        const { latest_version: _latest, ...newDataset } = toStored('datasets', dataset);
        const { latest_version } = (await transaction
          .in('datasets')
          .findOneAndUpdate(
            { _id: newDataset._id },
            { $inc: { latest_version: 1 }, $setOnInsert: newDataset } as object,
            { upsert: true, returnDocument: 'after', session },
          )) as unknown as { latest_version: number };
        const { updated_at } = await addToRun(transaction, run._id, _id);
        const asset = { ...draft, version: latest_version, created_at: updated_at };
        await transaction.in('assets').insertOne(toStored('assets', asset), { session });
        return asset;
      }),
    linkAsset: (claim, assetId) =>
      write(claim, async (transaction, run) => {
        const _id = objectId(assetId);
        const asset = await transaction.in('assets').findOne({ _id, ...EXISTS, ...COMPLETE }, transaction);
        if (asset === null) return false;
        if (!(run.asset_ids as ObjectId[]).some((id) => id.equals(_id))) await addToRun(transaction, run._id, _id);
        return true;
      }),
    describeAsset: (claim, assetId, { iso, item_key }) =>
      write(claim, async (transaction) => {
        const records = storedValue({ iso, item_key });
        const filter = { _id: objectId(assetId), ...EXISTS };
        const result = await transaction.in('assets').updateOne(filter, { $set: records }, transaction);
        return result.matchedCount > 0;
      }),
    getAsset: (assetId) => first({ _id: objectId(assetId) }),
    getAssets: (assetIds) => find({ _id: { $in: assetIds.map(objectId) } }, {}),
    findAssetBySource: (datasetId, sourceHash) =>
      first({ dataset_id: datasetId, source_hash: sourceHash, ...COMPLETE }, { version: -1 }),
    findAssetByKey: (s3Key) => first({ s3_key: s3Key }),
    async listAssets({ dataset_id, run_id, limit = DEFAULT_LIMIT, offset = 0 }) {
      const ids = run_id === undefined ? undefined : { $in: await assetIdsOf(database, run_id) };
      return find(definedFields({ dataset_id, _id: ids }), { created_at: -1, _id: 1 }, { limit, offset });
    },
    listVersions: (datasetId) =>
      database.on('assets', async (assets) => {
        const projection = { _id: 0, version: 1, bbox: 1, created_at: 1, data_time: 1 };
        const found = assets.find({ dataset_id: datasetId, ...EXISTS, ...COMPLETE }, { projection });
        return found.sort({ version: -1 }).toArray() as Promise<unknown> as Promise<DatasetVersion[]>;
      }),
  };
}

/** Returns the run if the claim is current; it stays so until the transaction ends. */
function lockRun(transaction: Transaction, claim: ClaimRef): Promise<Stored | null> {
  return transaction
    .in('runs')
    .findOneAndUpdate(
      heldBy(claim),
      { $set: writeMark() },
      { projection: { asset_ids: 1 }, session: transaction.session },
    );
}

/** Returns the time of the server, which the run gets as `updated_at`. */
async function addToRun(transaction: Transaction, runId: ObjectId, assetId: ObjectId): Promise<{ updated_at: string }> {
  const run = await transaction
    .in('runs')
    .findOneAndUpdate(
      { _id: runId },
      [{ $set: { asset_ids: { $concatArrays: ['$asset_ids', [assetId]] }, updated_at: NOW } }],
      { projection: { updated_at: 1 }, returnDocument: 'after', session: transaction.session },
    );
  return run as unknown as { updated_at: string };
}

function assetIdsOf(database: Database, runId: string): Promise<ObjectId[]> {
  return database.on('runs', async (runs) => {
    const run = await runs.findOne({ run_id: runId }, { projection: { asset_ids: 1 } });
    return (run?.asset_ids ?? []) as ObjectId[];
  });
}
