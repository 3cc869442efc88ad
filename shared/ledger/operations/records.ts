import { storableValue } from '#shared/text/storable.ts';
import type { ClaimRef } from '#shared/contracts/statuses.ts';
import { staleClaim } from '../claim-rules.ts';
import {
  type ActivityDocument,
  ActivityDocumentSchema,
  type DatasetDocument,
  type LineageDocument,
  LineageDocumentSchema,
} from '../documents.ts';
import type { ActivityFilter, Ledger } from '../ledger.ts';
import { parseDocument } from '../parse-document.ts';

/** Lineage, activities and datasets. Inserts change nothing when the `_id` is stored. */
export interface RecordQueries {
  /** False when the claim is not current. */
  insertLineage(claim: ClaimRef, edges: LineageDocument[]): Promise<boolean>;
  listLineage(assetId: string): Promise<LineageDocument[]>;
  listDerived(assetId: string): Promise<LineageDocument[]>;
  insertActivity(activity: ActivityDocument): Promise<void>;
  listActivity(filter: ActivityFilter): Promise<ActivityDocument[]>;
  listDatasets(filter: { published: boolean }): Promise<DatasetDocument[]>;
  getDataset(datasetId: string): Promise<DatasetDocument | undefined>;
}

type RecordOperations = Pick<
  Ledger,
  'insertLineage' | 'listLineage' | 'listDerived' | 'appendActivity' | 'listActivity' | 'listDatasets' | 'getDataset'
>;

export function recordOperations(queries: RecordQueries): RecordOperations {
  return {
    async insertLineage(claim, edges) {
      const parsed = edges.map((edge) => parseDocument(LineageDocumentSchema, 'lineage', edge));
      if (!(await queries.insertLineage(claim, parsed))) throw staleClaim(claim);
    },
    listLineage: (assetId) => queries.listLineage(assetId),
    listDerived: (assetId) => queries.listDerived(assetId),
    // Messages of activities quote errors, which may contain any text.
    appendActivity: (activity) =>
      queries.insertActivity(parseDocument(ActivityDocumentSchema, 'activity_logs', storableValue(activity))),
    listActivity: (filter = {}) => queries.listActivity(filter),
    listDatasets: ({ published = false } = {}) => queries.listDatasets({ published }),
    getDataset: (datasetId) => queries.getDataset(datasetId),
  };
}
