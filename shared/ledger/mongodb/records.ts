import { statusesBefore } from '#shared/contracts/statuses.ts';
import { STEP_FAILED } from '../claim-rules.ts';
import type { RecordQueries, RunQueries } from '../operations/records.ts';
import { heldBy } from './claims.ts';
import { type Database, insertNew, writeMark } from './database.ts';
import { literal, mapSteps, merge, NOW } from './expressions.ts';
import { fromStored, objectId, type Stored, toStored } from './stored-documents.ts';

/** Length of a list when the caller gives no limit. */
export const DEFAULT_LIMIT = 50;

/** Lineage, activities and the list of datasets. */
export function recordQueries(database: Database): Omit<RecordQueries, 'getDataset'> {
  const listEdges = (filter: object) =>
    database.on('lineage', async (lineage) => {
      const edges = await lineage.find(filter).sort({ created_at: 1, _id: 1 }).toArray();
      return edges.map((edge) => fromStored('lineage', edge));
    });
  return {
    insertLineage: (claim, edges) =>
      database.transaction(async (transaction) => {
        const { session } = transaction;
        const run = await transaction.in('runs').updateOne(heldBy(claim), { $set: writeMark() }, { session });
        if (run.matchedCount === 0) return false;
        const writes = edges.map((edge) => {
          const { _id, ...fields } = toStored('lineage', edge);
          return { updateOne: { filter: { _id }, update: { $setOnInsert: fields }, upsert: true } };
        });
        if (writes.length > 0) await transaction.in('lineage').bulkWrite(writes, { session });
        return true;
      }),
    listLineage: (assetId) => listEdges({ asset_id: objectId(assetId) }),
    listDerived: (assetId) => listEdges({ 'source.asset_id': objectId(assetId) }),
    async insertActivity(activity) {
      await database.on('activity_logs', (activities) => insertNew(activities, toStored('activity_logs', activity)));
    },
    listActivity: ({ run_id, batch_id, limit = DEFAULT_LIMIT, offset = 0 }) =>
      database.on('activity_logs', async (activities) => {
        const filter = definedFields({ run_id, batch_id });
        const found = await activities.find(filter).sort({ at: -1, _id: 1 }).skip(offset).limit(limit).toArray();
        return found.map((activity) => fromStored('activity_logs', activity));
      }),
    listDatasets: ({ published }) =>
      database.on('datasets', async (datasets) => {
        const found = await datasets
          .aggregate<Stored>([{ $sort: { dataset_id: 1 } }, ...(published ? WITH_COMPLETE_ASSET : [])])
          .toArray();
        return found.map((dataset) => fromStored('datasets', dataset));
      }),
  };
}

/** Keeps the datasets that have a complete asset. */
const WITH_COMPLETE_ASSET = [
  {
    $lookup: {
      from: 'assets',
      localField: 'dataset_id',
      foreignField: 'dataset_id',
      pipeline: [
        { $match: { stac_key: { $ne: null }, removed: { $exists: false } } },
        { $limit: 1 },
        { $project: { _id: 1 } },
      ],
      as: '_complete',
    },
  },
  { $match: { '_complete.0': { $exists: true } } },
  { $unset: '_complete' },
];

export function runQueries(database: Database): RunQueries {
  const first = (filter: object) =>
    database.on('runs', async (runs) => {
      const run = await runs.findOne(filter);
      return run === null ? undefined : fromStored('runs', run);
    });
  return {
    getRun: (runId) => first({ run_id: runId }),
    getRunByKey: (runKey) => first({ run_key: runKey }),
    listRuns: ({ status, batch_id, dataset_id, archived, limit = DEFAULT_LIMIT, offset = 0 }) =>
      database.on('runs', async (runs) => {
        const filter = definedFields({ status, batch_id, dataset_id, _archived: archived });
        const found = await runs.find(filter).sort({ created_at: -1, _id: 1 }).skip(offset).limit(limit).toArray();
        return found.map((run) => fromStored('runs', run));
      }),
    insertRun: (run) =>
      database.on('runs', async (runs) => ((await insertNew(runs, toStored('runs', run))) ? run : undefined)),
    endRun: (runId, status, error) =>
      database.on('runs', async (runs) => {
        const failed = merge('$$step', literal(STEP_FAILED), {
          error: error === null ? '$$step.error' : literal(error),
          finished_at: NOW,
        });
        const steps = mapSteps({ $cond: [{ $eq: ['$$step.status', 'running'] }, failed, '$$step'] });
        const run = await runs.findOneAndUpdate(
          { run_id: runId, status: { $in: statusesBefore(status) } },
          [{ $set: { status, error: literal(error), finished_at: NOW, updated_at: NOW, steps } }],
          { returnDocument: 'after' },
        );
        return run === null ? undefined : fromStored('runs', run);
      }),
  };
}

/** The fields of a filter that have a value. */
export function definedFields(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
