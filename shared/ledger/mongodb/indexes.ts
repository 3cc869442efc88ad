import type { IndexDescription } from 'mongodb';
import type { CollectionName } from '../collections.ts';

const IS_TEXT = { $type: 'string' } as const;

/** A condition that a partial index of texts serves. MongoDB does not infer the type from the value. */
export function textEqual(value: string): { $eq: string; $type: 'string' } {
  return { $eq: value, ...IS_TEXT };
}

/** The indexes of each collection: one for every query of the ledger. */
export const INDEXES: Record<CollectionName, IndexDescription[]> = {
  manifests: [
    { key: { batch_id: 1 }, unique: true, partialFilterExpression: { batch_id: IS_TEXT } },
    { key: { claimed_batch_id: 1, created_at: -1, _id: 1 }, partialFilterExpression: { claimed_batch_id: IS_TEXT } },
    { key: { manifest_key: 1, created_at: -1, _id: 1 } },
  ],
  runs: [
    { key: { run_id: 1 }, unique: true },
    { key: { run_key: 1 }, unique: true },
    { key: { created_at: -1, _id: 1 } },
    { key: { _archived: 1, created_at: -1, _id: 1 } },
    { key: { status: 1, created_at: -1, _id: 1 } },
    { key: { batch_id: 1, created_at: -1, _id: 1 } },
    { key: { dataset_id: 1, created_at: -1, _id: 1 } },
  ],
  assets: [
    { key: { dataset_id: 1, version: -1 }, unique: true },
    { key: { s3_key: 1 }, unique: true },
    { key: { dataset_id: 1, source_hash: 1, version: -1 } },
    { key: { run_id: 1 } },
    { key: { created_at: -1, _id: 1 } },
    { key: { dataset_id: 1, created_at: -1, _id: 1 } },
    { key: { _purge_due: 1, 'removed.at': 1, _id: 1 }, partialFilterExpression: { _purge_due: true } },
  ],
  lineage: [
    { key: { asset_id: 1, created_at: 1, _id: 1 } },
    { key: { 'source.asset_id': 1, created_at: 1, _id: 1 } },
    { key: { run_id: 1 } },
  ],
  activity_logs: [
    { key: { at: -1, _id: 1 } },
    { key: { run_id: 1, at: -1, _id: 1 } },
    { key: { batch_id: 1, at: -1, _id: 1 } },
  ],
  datasets: [{ key: { dataset_id: 1 }, unique: true }],
};
