import { z } from 'zod';
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
import { SluiceError } from '#shared/errors/sluice-error.ts';

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

/** Parses a document before it is stored. Throws REQUEST_INVALID that names the invalid fields. */
export function parseDocument<S extends z.ZodType>(schema: S, collection: string, document: unknown): z.output<S> {
  const result = schema.safeParse(document);
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new SluiceError('REQUEST_INVALID', `The document for ${collection} is invalid: ${issues.join('; ')}.`, {
    details: { collection, issues },
  });
}
