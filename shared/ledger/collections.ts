import type { z } from 'zod';
import {
  type ActivityDocument,
  ActivityDocumentSchema,
  type AssetDocument,
  AssetDocumentSchema,
  type DatasetDocument,
  DatasetDocumentSchema,
  type LineageDocument,
  LineageDocumentSchema,
  type ManifestDocument,
  ManifestDocumentSchema,
  type RunDocument,
  RunDocumentSchema,
} from './documents.ts';

/** The collections of the ledger, and the documents that they contain. */
export interface Documents {
  manifests: ManifestDocument;
  runs: RunDocument;
  assets: AssetDocument;
  lineage: LineageDocument;
  activity_logs: ActivityDocument;
  datasets: DatasetDocument;
}
export type CollectionName = keyof Documents;

export const SCHEMAS: Record<CollectionName, z.ZodObject> = {
  manifests: ManifestDocumentSchema,
  runs: RunDocumentSchema,
  assets: AssetDocumentSchema,
  lineage: LineageDocumentSchema,
  activity_logs: ActivityDocumentSchema,
  datasets: DatasetDocumentSchema,
};
