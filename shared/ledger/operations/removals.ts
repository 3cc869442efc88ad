import { SluiceError } from '#shared/errors/sluice-error.ts';
import { KeepVersionsSchema } from '#shared/manifest/manifest.ts';
import type { AssetDocument, DatasetDocument } from '../documents.ts';
import type { Ledger, RetentionRule } from '../ledger.ts';
import { parseDocument } from '../parse-document.ts';

export interface RemovalQueries {
  /** Undefined when the dataset does not exist or has a later decision. */
  setRetention(datasetId: string, rule: RetentionRule): Promise<DatasetDocument | undefined>;
  getDataset(datasetId: string): Promise<DatasetDocument | undefined>;
  /** Marks the complete assets beyond the `keep_versions` newest ones as removed, with the reason `retention`. */
  removeOldVersions(datasetId: string): Promise<AssetDocument[]>;
  /** Marks the incomplete assets of a run in UNSUCCESSFUL_STATUSES as removed, with the reason `run_not_finished`. */
  removeUnfinishedAssets(runId: string): Promise<AssetDocument[]>;
  getRemovedAsset(assetId: string): Promise<AssetDocument | undefined>;
  listRemovals(filter: { dataset_id?: string; limit?: number }): Promise<AssetDocument[]>;
  markPurged(assetId: string): Promise<void>;
}

type RemovalOperations = Pick<
  Ledger,
  'setRetention' | 'removeOldVersions' | 'removeUnfinishedAssets' | 'getRemovedAsset' | 'listRemovals' | 'markPurged'
>;

export function removalOperations(queries: RemovalQueries): RemovalOperations {
  return {
    async setRetention(datasetId, { keep_versions, decided_at }) {
      const rule = {
        keep_versions: parseDocument(KeepVersionsSchema.nullable(), 'datasets', keep_versions),
        decided_at,
      };
      const dataset = (await queries.setRetention(datasetId, rule)) ?? (await queries.getDataset(datasetId));
      if (dataset !== undefined) return dataset;
      throw new SluiceError('DATASET_NOT_FOUND', `There is no dataset ${JSON.stringify(datasetId)}.`, {
        details: { dataset_id: datasetId },
      });
    },
    removeOldVersions: (datasetId) => queries.removeOldVersions(datasetId),
    removeUnfinishedAssets: (runId) => queries.removeUnfinishedAssets(runId),
    getRemovedAsset: (assetId) => queries.getRemovedAsset(assetId),
    listRemovals: (filter = {}) => queries.listRemovals(filter),
    markPurged: (assetId) => queries.markPurged(assetId),
  };
}
