import type { IndexDescription } from 'mongodb';
import type { z } from 'zod';
import {
  ActivityDocumentSchema,
  AssetDocumentSchema,
  DatasetDocumentSchema,
  LineageDocumentSchema,
  ManifestDocumentSchema,
  RunDocumentSchema,
} from '../documents.ts';
import type { CollectionName } from './stored-documents.ts';

/** The collections of the ledger: the schema of their documents, and an index for every query of the ledger. */

interface CollectionDefinition {
  schema: z.ZodObject;
  indexes: IndexDescription[];
}

const IS_TEXT = { $type: 'string' } as const;

export const COLLECTIONS: Record<CollectionName, CollectionDefinition> = {
  manifests: {
    schema: ManifestDocumentSchema,
    indexes: [
      { key: { batch_id: 1 }, unique: true, partialFilterExpression: { batch_id: IS_TEXT } },
      { key: { claimed_batch_id: 1, created_at: -1, _id: 1 }, partialFilterExpression: { claimed_batch_id: IS_TEXT } },
      { key: { manifest_key: 1, created_at: -1, _id: 1 } },
    ],
  },
  runs: {
    schema: RunDocumentSchema,
    indexes: [
      { key: { run_id: 1 }, unique: true },
      { key: { run_key: 1 }, unique: true },
      { key: { created_at: -1, _id: 1 } },
      { key: { _archived: 1, created_at: -1, _id: 1 } },
      { key: { status: 1, created_at: -1, _id: 1 } },
      { key: { batch_id: 1, created_at: -1, _id: 1 } },
      { key: { dataset_id: 1, created_at: -1, _id: 1 } },
    ],
  },
  assets: {
    schema: AssetDocumentSchema,
    indexes: [
      { key: { dataset_id: 1, version: -1 }, unique: true },
      { key: { s3_key: 1 }, unique: true },
      { key: { dataset_id: 1, source_hash: 1, version: -1 } },
      { key: { run_id: 1 } },
      { key: { created_at: -1, _id: 1 } },
      { key: { dataset_id: 1, created_at: -1, _id: 1 } },
      { key: { _purge_due: 1, 'removed.at': 1, _id: 1 }, partialFilterExpression: { _purge_due: true } },
    ],
  },
  lineage: {
    schema: LineageDocumentSchema,
    indexes: [
      { key: { asset_id: 1, created_at: 1, _id: 1 } },
      { key: { 'source.asset_id': 1, created_at: 1, _id: 1 } },
      { key: { run_id: 1 } },
    ],
  },
  activity_logs: {
    schema: ActivityDocumentSchema,
    indexes: [
      { key: { at: -1, _id: 1 } },
      { key: { run_id: 1, at: -1, _id: 1 } },
      { key: { batch_id: 1, at: -1, _id: 1 } },
    ],
  },
  datasets: {
    schema: DatasetDocumentSchema,
    indexes: [{ key: { dataset_id: 1 }, unique: true }],
  },
};
