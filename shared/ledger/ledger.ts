import type { ClaimRef } from '#shared/contracts/claim.ts';
import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import type { StepName } from '#shared/contracts/lanes.ts';
import type { Status } from '#shared/contracts/statuses.ts';
import type {
  ActivityDocument,
  AssetDocument,
  AssetDraft,
  DatasetDocument,
  LineageDocument,
  ManifestDocument,
  RunDocument,
} from './documents.ts';

/**
 * The ledger port. Each operation is one atomic conditional write in every implementation, and several
 * processes may use it at once. tests/contract/ledger.ts holds what all implementations must do.
 */
export interface Ledger {
  // Manifests and admission
  /**
   * Inserts manifest, run and dataset when the batch_id is new.
   * A manifest that was recorded without a run (recordManifest) may be admitted later: its document is replaced.
   * `repeat`: the same manifest (key and sha256) was admitted before; the stored documents come back (a run that a crash left out is inserted).
   * `batch_taken`: another manifest has the batch_id.
   */
  admitManifest(manifest: ManifestDocument, run: RunDocument, dataset: DatasetDocument): Promise<Admission>;
  /** Inserts a manifest that starts no run (rejected, or of a disabled lane). A repeat (same _id) changes nothing; the stored one comes back. */
  recordManifest(manifest: ManifestDocument): Promise<ManifestDocument>;
  getManifest(manifestId: string): Promise<ManifestDocument | undefined>;
  /** Manifests uploaded under this key, newest first. */
  findManifestsByKey(manifestKey: string): Promise<ManifestDocument[]>;
  /** The manifest of a batch: the admitted one, else the newest rejected one that asked for it (claimed_batch_id). */
  findManifestByBatch(batchId: string): Promise<ManifestDocument | undefined>;
  /** running -> status, with the error kept. A repeat changes nothing. Throws TRANSITION_ILLEGAL for another end status. */
  settleManifest(manifestId: string, status: Exclude<Status, 'running'>, error: ErrorDocument | null): Promise<void>;
  markManifestArchived(manifestId: string, archiveKey: string): Promise<void>;

  // Runs
  /** Inserts a run that repeats another one, when no run has its run_key yet; else the stored run of that key comes back. */
  insertRerun(run: RunDocument): Promise<{ inserted: boolean; run: RunDocument }>;
  getRun(runId: string): Promise<RunDocument | undefined>;
  /** Newest first. */
  listRuns(filter?: RunFilter): Promise<RunDocument[]>;
  /**
   * Claims a step: a lease with a new fencing token, when the run allows the step (running; for `archive`: ended),
   * the step is not done, and no live claim is held. `takeOverFrom` names an owner that the caller knows to be dead.
   */
  claimStep(request: ClaimRequest): Promise<ClaimResult>;
  /** Extends the lease. False when the claim is stale: stop working. */
  renewClaim(claim: ClaimRef, leaseSeconds: number): Promise<boolean>;
  /** Marks the step done with its reply, and with `close` ends the run in the same write. A repeat (same token) changes nothing. Throws CLAIM_STALE. */
  finishStep(claim: ClaimRef, reply: SluiceEvent | null, close?: 'success'): Promise<void>;
  /** Gives the claim back after an error, which is kept on the step. A stale claim changes nothing. */
  releaseStep(claim: ClaimRef, error: ErrorDocument): Promise<void>;
  /**
   * Makes every step pending again, the claimed one with the error, and counts up `restarts`: the run begins anew. From then on a step can be claimed
   * only when those before it are done. Returns the run. Throws CLAIM_STALE.
   */
  restartRun(claim: ClaimRef, error: ErrorDocument): Promise<RunDocument>;
  /** running -> failure or canceled, whatever step is under way: every claim becomes stale. Returns the run; `changed` is false on a repeat. Throws RUN_NOT_FOUND, TRANSITION_ILLEGAL. */
  endRun(
    runId: string,
    status: 'failure' | 'canceled',
    error: ErrorDocument | null,
  ): Promise<{ changed: boolean; run: RunDocument }>;
  /**
   * Calls `onChange` after each change of a run, also by other processes, until `signal` aborts or the ledger closes; a renewed claim is no change.
   * Resolves when it listens. Changes that follow quickly are told once, and some can be missed: read again after a while. Throws DATABASE_UNAVAILABLE.
   */
  watchRuns(onChange: (runId: string, status: Status) => void, signal: AbortSignal): Promise<void>;

  // Assets
  /** Registers an asset and adds it to the run, with the next version of its dataset. A repeat (same _id) returns the stored one. Throws CLAIM_STALE. */
  registerAsset(claim: ClaimRef, draft: AssetDraft): Promise<AssetDocument>;
  /** Adds a whole asset (the same source_hash) to the run. Throws CLAIM_STALE, ASSET_NOT_FOUND when it is not whole, or removed. */
  linkAsset(claim: ClaimRef, assetId: string): Promise<void>;
  /** Adds catalog records to an asset, which makes it whole. Throws CLAIM_STALE, ASSET_NOT_FOUND when it is removed. */
  describeAsset(claim: ClaimRef, assetId: string, description: Pick<AssetDocument, 'iso' | 'stac_key'>): Promise<void>;
  /** Undefined also when it was removed, as with all that find assets. */
  getAsset(assetId: string): Promise<AssetDocument | undefined>;
  /** Several at once, in any order; an id without an asset is left out. */
  getAssets(assetIds: readonly string[]): Promise<AssetDocument[]>;
  /** The newest whole asset of the dataset made from the same inputs and recipe. */
  findAssetBySource(datasetId: string, sourceHash: string): Promise<AssetDocument | undefined>;
  findAssetByKey(s3Key: string): Promise<AssetDocument | undefined>;
  /** Newest first. */
  listAssets(filter?: AssetFilter): Promise<AssetDocument[]>;
  /** All complete versions of a dataset (those with `stac_key`), newest first, with the fields that its STAC collection needs. */
  listVersions(datasetId: string): Promise<DatasetVersion[]>;

  // Retention and removal. Removing marks the asset: it does not exist from then on. Its objects are deleted after that (shared/assets/remove-assets.ts).
  /** Sets how many versions of a dataset stay (null: all), unless a later decision stands already. Returns the dataset as it is then. Throws DATASET_NOT_FOUND. */
  setRetention(datasetId: string, rule: RetentionRule): Promise<DatasetDocument>;
  /** Removes what the retention rule does not keep; the newest whole versions stay. Returns what it removed. */
  removeOldVersions(datasetId: string): Promise<AssetDocument[]>;
  /** Removes the assets that a run made and did not make whole before it failed or was canceled; of any other run nothing. Returns what it removed. */
  removeUnfinishedAssets(runId: string): Promise<AssetDocument[]>;
  /** What the ledger remembers of an asset that was removed. */
  getRemovedAsset(assetId: string): Promise<AssetDocument | undefined>;
  /** Removed assets whose objects are not deleted yet, the oldest removal first. */
  listRemovals(filter?: { dataset_id?: string; limit?: number }): Promise<AssetDocument[]>;
  /** Says that the objects of a removed asset are deleted. A repeat changes nothing. */
  markPurged(assetId: string): Promise<void>;

  // Lineage, activity, datasets
  /** Idempotent by _id. Throws CLAIM_STALE. */
  insertLineage(claim: ClaimRef, edges: LineageDocument[]): Promise<void>;
  /** What the asset was made from. */
  listLineage(assetId: string): Promise<LineageDocument[]>;
  /** What was made from the asset. */
  listDerived(assetId: string): Promise<LineageDocument[]>;
  /** Idempotent by _id. */
  appendActivity(activity: ActivityDocument): Promise<void>;
  /** Newest first. */
  listActivity(filter?: {
    run_id?: string;
    batch_id?: string;
    limit?: number;
    offset?: number;
  }): Promise<ActivityDocument[]>;
  /** By id; only those of which a whole version exists when `published`. */
  listDatasets(filter?: { published?: boolean }): Promise<DatasetDocument[]>;
  getDataset(datasetId: string): Promise<DatasetDocument | undefined>;

  /** Resolves when the ledger answers. Throws DATABASE_UNAVAILABLE. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export type Admission =
  | { outcome: 'admitted' | 'repeat'; manifest: ManifestDocument; run: RunDocument }
  | { outcome: 'batch_taken'; manifest: ManifestDocument };

export interface ClaimRequest {
  runId: string;
  step: StepName;
  owner: string;
  leaseSeconds: number;
  takeOverFrom?: string | undefined;
}

export type ClaimResult =
  | { outcome: 'claimed'; token: number; attempt: number; run: RunDocument }
  | { outcome: 'done'; reply: SluiceEvent | null; run: RunDocument }
  | { outcome: 'held'; owner: string; leaseUntil: string }
  | { outcome: 'closed'; status: Status }
  /** `archive` before the run has ended; in a run that began anew, a step before its turn. */
  | { outcome: 'early' };

export interface RetentionRule {
  /** At least 1; null keeps all. */
  keep_versions: number | null;
  /** ISO 8601 in UTC. */
  decided_at: string;
}

export interface RunFilter {
  status?: Status;
  batch_id?: string;
  dataset_id?: string;
  /** Whether the archive step is done, which is the last one of every run. */
  archived?: boolean;
  /** Default 50. */
  limit?: number;
  offset?: number;
}

/** One version of a dataset, without the rest of its asset document. */
export type DatasetVersion = Pick<AssetDocument, 'version' | 'bbox' | 'created_at'>;

export interface AssetFilter {
  dataset_id?: string;
  /** run_id (UUID) of a run: the assets that it made or linked. */
  run_id?: string;
  limit?: number;
  offset?: number;
}
