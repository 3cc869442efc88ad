import type { ClientSession, Collection, ObjectId } from 'mongodb';
import type { ClaimRef } from '#shared/contracts/statuses.ts';
import type { AssetDocument } from '../documents.ts';
import { type DatasetVersion, DEFAULT_LIMIT } from '../ledger.ts';
import type { AssetQueries, AssetWrite } from '../operations/assets.ts';
import { heldBy } from './claims.ts';
import { type Database, isDuplicate, writeMark } from './database.ts';
import { NOW } from './expressions.ts';
import { definedFields } from './records.ts';
import { fromStored, objectId, type Stored, storedValue, toStored } from './stored-documents.ts';

/** Filter for assets that are not removed. */
export const EXISTS = { removed: { $exists: false } };
/** Assets that have their catalog records. */
export const COMPLETE = { stac_key: { $ne: null } };

export function assetQueries(database: Database): AssetQueries {
  return { ...assetReads(database), ...assetWrites(database) };
}

type AssetWrites = Pick<AssetQueries, 'insertAsset' | 'linkAsset' | 'describeAsset'>;

function assetReads(database: Database): Omit<AssetQueries, keyof AssetWrites> {
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

  return {
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

function assetWrites(database: Database): AssetWrites {
  return {
    async insertAsset(claim, draft, dataset) {
      const _id = objectId(draft._id);
      const stored = await storedUnder(database, claim, _id);
      if (stored !== 'missing') return stored;
      try {
        const inserted = await database.transaction(async (transaction) => {
          const { session } = transaction;
          const run = await addToRun(transaction.in('runs'), claim, _id, session);
          if (run === undefined) return undefined;
          if (!run.added) return 'stored';
          const { latest_version: _latest, ...newDataset } = toStored('datasets', dataset);
          const { latest_version } = (await transaction
            .in('datasets')
            .findOneAndUpdate(
              { _id: newDataset._id },
              { $inc: { latest_version: 1 }, $setOnInsert: newDataset } as object,
              { upsert: true, returnDocument: 'after', session },
            )) as unknown as { latest_version: number };
          const asset = { ...draft, version: latest_version, created_at: run.updatedAt };
          await transaction.in('assets').insertOne(toStored('assets', asset), { session });
          return asset;
        });
        return inserted === 'stored' ? await storedMeanwhile(database, claim, _id) : inserted;
      } catch (thrown) {
        if (!isDuplicate(thrown)) throw thrown;
        const asset = await storedMeanwhile(database, claim, _id);
        // The index of another field rejected the asset, such as that of s3_key.
        if (asset === undefined && (await isCurrent(database, claim))) throw thrown;
        return asset;
      }
    },
    async linkAsset(claim, assetId) {
      const filter = { _id: objectId(assetId), ...EXISTS, ...COMPLETE };
      const asset = await database.on('assets', (assets) => assets.findOne(filter, { projection: { _id: 1 } }));
      return database.on('runs', async (runs): Promise<AssetWrite> => {
        if (asset !== null) return (await addToRun(runs, claim, objectId(assetId))) === undefined ? 'stale' : 'written';
        return (await runs.findOne(heldBy(claim), { projection: { _id: 1 } })) === null ? 'stale' : 'not_found';
      });
    },
    describeAsset: (claim, assetId, { iso, item_key }) =>
      database.transaction(async (transaction): Promise<AssetWrite> => {
        const { session } = transaction;
        const run = await transaction.in('runs').updateOne(heldBy(claim), { $set: writeMark() }, { session });
        if (run.matchedCount === 0) return 'stale';
        const filter = { _id: objectId(assetId), ...EXISTS };
        const records = { $set: storedValue({ iso, item_key }) };
        const result = await transaction.in('assets').updateOne(filter, records, { session });
        return result.matchedCount > 0 ? 'written' : 'not_found';
      }),
  };
}

/** The asset with this id, for a registration under a claim. Undefined when the claim is not current. */
async function storedUnder(
  database: Database,
  claim: ClaimRef,
  _id: ObjectId,
): Promise<AssetDocument | 'missing' | undefined> {
  const asset = await database.on('assets', (assets) => assets.findOne({ _id }));
  if (asset === null) return 'missing';
  return (await isCurrent(database, claim)) ? fromStored('assets', asset) : undefined;
}

/** Another call stored the asset after the check. */
async function storedMeanwhile(database: Database, claim: ClaimRef, _id: ObjectId): Promise<AssetDocument | undefined> {
  const asset = await storedUnder(database, claim, _id);
  return asset === 'missing' ? undefined : asset;
}

function isCurrent(database: Database, claim: ClaimRef): Promise<boolean> {
  return database.on('runs', async (runs) => (await runs.findOne(heldBy(claim), { projection: { _id: 1 } })) !== null);
}

/**
 * Adds an asset to the run of a current claim, once. Undefined when the claim is not current. `updatedAt` is the time
 * of the server.
 */
async function addToRun(
  runs: Collection<Stored>,
  claim: ClaimRef,
  assetId: ObjectId,
  session?: ClientSession,
): Promise<{ added: boolean; updatedAt: string } | undefined> {
  const { _write } = writeMark();
  const unlessAdded = (value: unknown, otherwise: string) => ({
    $cond: [{ $in: [assetId, '$asset_ids'] }, otherwise, value],
  });
  const run = await runs.findOneAndUpdate(
    heldBy(claim),
    [
      {
        $set: {
          asset_ids: unlessAdded({ $concatArrays: ['$asset_ids', [assetId]] }, '$asset_ids'),
          updated_at: unlessAdded(NOW, '$updated_at'),
          _write: unlessAdded(_write, '$_write'),
        },
      },
    ],
    { projection: { updated_at: 1, _write: 1 }, returnDocument: 'after', ...(session && { session }) },
  );
  if (run === null) return undefined;
  return {
    added: (run._write as ObjectId | undefined)?.equals(_write) ?? false,
    updatedAt: run.updated_at as string,
  };
}

function assetIdsOf(database: Database, runId: string): Promise<ObjectId[]> {
  return database.on('runs', async (runs) => {
    const run = await runs.findOne({ run_id: runId }, { projection: { asset_ids: 1 } });
    return (run?.asset_ids ?? []) as ObjectId[];
  });
}
