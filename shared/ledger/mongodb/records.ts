import type { Document } from 'mongodb';
import type { Lane } from '#shared/contracts/lanes.ts';
import { statusesBefore } from '#shared/contracts/statuses.ts';
import { STEP_FAILED } from '../claim-rules.ts';
import { DEFAULT_LIMIT, type RunFilter, type RunGroup, type StepProgress } from '../ledger.ts';
import type { RecordQueries, RunQueries } from '../operations/records.ts';
import { heldBy } from './claims.ts';
import { type Database, insertNew, writeMark } from './database.ts';
import { literal, mapSteps, merge, NOW } from './expressions.ts';
import { fromStored, objectId, type Stored, toStored } from './stored-documents.ts';

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
    listDatasets: ({ withCompleteAsset }) =>
      database.on('datasets', async (datasets) => {
        const found = await datasets
          .aggregate<Stored>([{ $sort: { dataset_id: 1 } }, ...(withCompleteAsset ? WITH_COMPLETE_ASSET : [])])
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
    listRuns: ({ limit = DEFAULT_LIMIT, offset = 0, ...conditions }) =>
      database.on('runs', async (runs) => {
        const filter = runFilter(conditions);
        const found = await runs.find(filter).sort({ created_at: -1, _id: 1 }).skip(offset).limit(limit).toArray();
        return found.map((run) => fromStored('runs', run));
      }),
    countRunningRuns: () =>
      database.on('runs', (runs) => runs.aggregate<{ lane: Lane; count: number }>(RUNNING_BY_LANE).toArray()),
    summarizeRuns: (since) => database.on('runs', (runs) => runs.aggregate<RunGroup>(summaryOf(since)).toArray()),
    insertRun: (run) =>
      database.on('runs', async (runs) => ((await insertNew(runs, toStored('runs', run))) ? run : undefined)),
    endRun: (runId, status, error, unless) =>
      database.on('runs', async (runs) => {
        const failed = merge('$$step', literal(STEP_FAILED), {
          error: error === null ? '$$step.error' : literal(error),
          finished_at: NOW,
        });
        const steps = mapSteps({ $cond: [{ $eq: ['$$step.status', 'running'] }, failed, '$$step'] });
        const run = await runs.findOneAndUpdate(
          { run_id: runId, status: { $in: statusesBefore(status) }, ...(unless && { $expr: withoutProgress(unless) }) },
          [{ $set: { status, error: literal(error), finished_at: NOW, updated_at: NOW, steps } }],
          { returnDocument: 'after' },
        );
        return run === null ? undefined : fromStored('runs', run);
      }),
  };
}

/** The texts that a search compares. */
const SEARCHED = ['batch_id', 'dataset_id', 'run_id', 'tags.uploader'];

function runFilter({ status, batch_id, dataset_id, lane, archived, since, until, text }: RunFilter): Document {
  const created_at = definedFields({ $gte: since, $lt: until });
  const pattern =
    text === undefined ? undefined : { $regex: text.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`), $options: 'i' };
  return {
    ...definedFields({ status, batch_id, dataset_id, lane, _archived: archived }),
    ...(Object.keys(created_at).length === 0 ? {} : { created_at }),
    ...(pattern === undefined ? {} : { $or: SEARCHED.map((field) => ({ [field]: pattern })) }),
  };
}

const RUNNING_BY_LANE = [
  { $match: { status: 'running' } },
  { $group: { _id: '$lane', count: { $sum: 1 } } },
  { $project: { _id: 0, lane: '$_id', count: 1 } },
];

/** The groups of runs that were created since a time. The times of runs are texts. */
function summaryOf(since: string): Document[] {
  const ended = { $subtract: [{ $toDate: '$finished_at' }, { $toDate: '$created_at' }] };
  const seconds = { $cond: [{ $eq: ['$finished_at', null] }, 0, { $divide: [ended, MS_PER_SECOND] }] };
  return [
    { $match: { created_at: { $gte: since } } },
    { $project: { lane: 1, status: 1, hour: { $substrBytes: ['$created_at', 0, HOUR_LENGTH] }, seconds } },
    {
      $group: {
        _id: { lane: '$lane', status: '$status', hour: '$hour' },
        count: { $sum: 1 },
        total_seconds: { $sum: '$seconds' },
        max_seconds: { $max: '$seconds' },
      },
    },
    { $replaceWith: { $mergeObjects: ['$_id', '$$ROOT'] } },
    { $unset: '_id' },
  ];
}

const MS_PER_SECOND = 1_000;
/** Number of characters of an hour such as `2026-01-31T09`. */
const HOUR_LENGTH = 13;

/** False if a step has the progress. */
function withoutProgress({ step, orClaimed }: StepProgress): Document {
  const isDone = { $eq: ['$$step.status', 'done'] };
  const isClaimed = { $and: [{ $eq: ['$$step.status', 'running'] }, { $gt: ['$$step.lease_until', NOW] }] };
  const hasProgress = { $or: orClaimed ? [isDone, isClaimed] : [isDone] };
  const progress = mapSteps({ $and: [{ $eq: ['$$step.name', literal(step)] }, hasProgress] });
  return { $not: [{ $anyElementTrue: [progress] }] };
}

/** The fields of a filter that have a value. */
export function definedFields(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
