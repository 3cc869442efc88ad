import type { ClaimRef } from '#shared/contracts/statuses.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { KeepVersionsSchema } from '#shared/manifest/manifest.ts';
import { staleClaim } from '../claim-rules.ts';
import { type AssetDocument, AssetDocumentSchema, type AssetDraft, type DatasetDocument } from '../documents.ts';
import { parseDocument } from '../collections.ts';
import type { AssetFilter, AssetRecords, DatasetVersion, Ledger, RetentionRule } from '../ledger.ts';
import { newDataset } from '../new-run.ts';
import type { AnnounceRun } from './records.ts';

/** The result of a write under a claim to an asset: the claim was not current, or the asset was not found. */
export type AssetWrite = 'written' | 'stale' | 'not_found';

/** The reads and writes of assets. Reads do not return removed assets. Writes are atomic and need a current claim. */
export interface AssetQueries {
  /**
   * Inserts the asset with the next version of its dataset, which is inserted when it is missing, and adds the asset to
   * the run. Returns the stored asset; of an `_id` that was stored before, the earlier one. Undefined for a stale
   * claim.
   */
  insertAsset(claim: ClaimRef, draft: AssetDraft, dataset: DatasetDocument): Promise<AssetDocument | undefined>;
  /** Adds a complete asset to the run. */
  linkAsset(claim: ClaimRef, assetId: string): Promise<AssetWrite>;
  describeAsset(claim: ClaimRef, assetId: string, records: AssetRecords): Promise<AssetWrite>;
  getAsset(assetId: string): Promise<AssetDocument | undefined>;
  getAssets(assetIds: readonly string[]): Promise<AssetDocument[]>;
  findAssetBySource(datasetId: string, sourceHash: string): Promise<AssetDocument | undefined>;
  findAssetByKey(s3Key: string): Promise<AssetDocument | undefined>;
  listAssets(filter: AssetFilter): Promise<AssetDocument[]>;
  listVersions(datasetId: string): Promise<DatasetVersion[]>;
}

type AssetOperations = Pick<
  Ledger,
  | 'registerAsset'
  | 'linkAsset'
  | 'describeAsset'
  | 'getAsset'
  | 'getAssets'
  | 'findAssetBySource'
  | 'findAssetByKey'
  | 'listAssets'
  | 'listVersions'
>;

export function assetOperations(queries: AssetQueries, announceRun: AnnounceRun): AssetOperations {
  return {
    async registerAsset(claim, draft) {
      const asset = await queries.insertAsset(claim, parseDraft(draft), newDataset(draft.dataset_id));
      if (asset === undefined) throw staleClaim(claim);
      announceRun(claim.runId, 'running'); // In any other status the claim is stale.
      return asset;
    },
    async linkAsset(claim, assetId) {
      checkWritten(await queries.linkAsset(claim, assetId), claim, assetId);
      announceRun(claim.runId, 'running'); // In any other status the claim is stale.
    },
    async describeAsset(claim, assetId, records) {
      checkWritten(await queries.describeAsset(claim, assetId, records), claim, assetId);
    },
    getAsset: (assetId) => queries.getAsset(assetId),
    getAssets: (assetIds) => (assetIds.length === 0 ? Promise.resolve([]) : queries.getAssets(assetIds)),
    findAssetBySource: (datasetId, sourceHash) => queries.findAssetBySource(datasetId, sourceHash),
    findAssetByKey: (s3Key) => queries.findAssetByKey(s3Key),
    listAssets: (filter = {}) => queries.listAssets(filter),
    listVersions: (datasetId) => queries.listVersions(datasetId),
  };
}

/** The ledger sets version and time, so the check of the document uses placeholders for them. */
function parseDraft(draft: AssetDraft): AssetDraft {
  const placeholders = { version: 1, created_at: new Date(0).toISOString() };
  const parsed = parseDocument(AssetDocumentSchema, 'assets', { ...draft, ...placeholders });
  const { version: _version, created_at: _createdAt, ...checked } = parsed;
  return checked;
}

function checkWritten(result: AssetWrite, claim: ClaimRef, assetId: string): void {
  if (result === 'stale') throw staleClaim(claim);
  if (result === 'not_found')
    throw new SluiceError('ASSET_NOT_FOUND', `Asset ${assetId} does not exist.`, { details: { asset_id: assetId } });
}

export interface RemovalQueries {
  /** Stores the rule. Undefined if the dataset does not exist or has a later rule. */
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
      throw new SluiceError('DATASET_NOT_FOUND', `Dataset ${JSON.stringify(datasetId)} does not exist.`, {
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
