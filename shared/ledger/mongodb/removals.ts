import { UNSUCCESSFUL_STATUSES } from '#shared/contracts/statuses.ts';
import type { AssetDocument, RemovalReason } from '../documents.ts';
import type { RemovalQueries } from '../operations/assets.ts';
import { COMPLETE, EXISTS } from './assets.ts';
import { type Database, type Transaction, writeMark } from './database.ts';
import { NOW } from './expressions.ts';
import { definedFields } from './records.ts';
import { fromStored, objectId } from './stored-documents.ts';

/** Length of a list of removals when the caller sets no limit. */
const DEFAULT_REMOVALS = 100;

/** Filter for datasets with a retention rule. */
const WITH_RULE = { keep_versions: { $type: 'number' } } as const;

export function removalQueries(database: Database): RemovalQueries {
  return {
    setRetention: (datasetId, { keep_versions, decided_at }) =>
      database.on('datasets', async (datasets) => {
        // ISO 8601 times in UTC have the same order as their bytes.
        const isLater = [{ retention_decided_at: { $exists: false } }, { retention_decided_at: { $lte: decided_at } }];
        const dataset = await datasets.findOneAndUpdate(
          { dataset_id: datasetId, $or: isLater },
          { $set: { keep_versions, retention_decided_at: decided_at } },
          { returnDocument: 'after' },
        );
        return dataset === null ? undefined : fromStored('datasets', dataset);
      }),
    getDataset: (datasetId) =>
      database.on('datasets', async (datasets) => {
        const dataset = await datasets.findOne({ dataset_id: datasetId });
        return dataset === null ? undefined : fromStored('datasets', dataset);
      }),
    async removeOldVersions(datasetId) {
      // Most datasets have no rule. A rule that is set meanwhile is applied by the caller that set it.
      const rule = { dataset_id: datasetId, ...WITH_RULE };
      const dataset = await database.on('datasets', (datasets) => datasets.findOne(rule, { projection: { _id: 1 } }));
      if (dataset === null) return [];
      return database.transaction((transaction) => removeOldVersions(transaction, datasetId));
    },
    removeUnfinishedAssets: (runId) => removeUnfinishedAssets(database, runId),
    getRemovedAsset: (assetId) =>
      database.on('assets', async (assets) => {
        const asset = await assets.findOne({ _id: objectId(assetId), removed: { $exists: true } });
        return asset === null ? undefined : fromStored('assets', asset);
      }),
    listRemovals: ({ dataset_id, limit = DEFAULT_REMOVALS }) =>
      database.on('assets', async (assets) => {
        const filter = definedFields({ _purge_due: true, dataset_id });
        const found = await assets.find(filter).sort({ 'removed.at': 1, _id: 1 }).limit(limit).toArray();
        return found.map((asset) => fromStored('assets', asset));
      }),
    async markPurged(assetId) {
      await database.on('assets', (assets) =>
        assets.updateOne({ _id: objectId(assetId), _purge_due: true }, [
          { $set: { purged_at: NOW } },
          { $unset: '_purge_due' },
        ]),
      );
    },
  };
}

/**
 * The write to the dataset makes removals consecutive. A version that is completed meanwhile is not seen: then one
 * version too many is kept, and the run of that version removes it.
 */
async function removeOldVersions(transaction: Transaction, datasetId: string): Promise<AssetDocument[]> {
  const { session } = transaction;
  const filter = { dataset_id: datasetId, ...WITH_RULE };
  const dataset = await transaction.in('datasets').findOneAndUpdate(filter, { $set: writeMark() }, { session });
  if (dataset === null) return [];
  const assets = transaction.in('assets');
  const surplus = await assets
    .find({ dataset_id: datasetId, ...EXISTS, ...COMPLETE }, { projection: { _id: 1 }, session })
    .sort({ version: -1 })
    .skip(dataset.keep_versions as number)
    .toArray();
  if (surplus.length === 0) return [];
  const these = { _id: { $in: surplus.map(({ _id }) => _id) } };
  await assets.updateMany({ ...these, ...EXISTS }, removal('retention'), { session });
  return (await assets.find(these, { session }).toArray()).map((asset) => fromStored('assets', asset));
}

/** An ended run has no current claim, so its incomplete assets can never be completed. */
async function removeUnfinishedAssets(database: Database, runId: string): Promise<AssetDocument[]> {
  const ended = { run_id: runId, status: { $in: UNSUCCESSFUL_STATUSES } };
  const run = await database.on('runs', (runs) => runs.findOne(ended, { projection: { _id: 1 } }));
  if (run === null) return [];
  return database.on('assets', async (assets) => {
    const unfinished = await assets
      .find({ run_id: run._id, stac_key: null, ...EXISTS }, { projection: { _id: 1 } })
      .toArray();
    const removed = await Promise.all(
      unfinished.map(({ _id }) =>
        assets.findOneAndUpdate({ _id, ...EXISTS }, removal('run_not_finished'), { returnDocument: 'after' }),
      ),
    );
    // Null: another call has removed the asset.
    return removed.filter((asset) => asset !== null).map((asset) => fromStored('assets', asset));
  });
}

/** The update that marks assets as removed. */
function removal(reason: RemovalReason) {
  return [{ $set: { removed: { at: NOW, reason }, _purge_due: true } }];
}
