import type { Lane, StepName } from '#shared/contracts/lanes.ts';
import type { EndStatus, Status, UnsuccessfulStatus, ClaimRef } from '#shared/contracts/statuses.ts';
import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import type {
  ActivityDocument,
  AssetDocument,
  AssetDraft,
  DatasetDocument,
  LineageDocument,
  ManifestDocument,
  RunDocument,
} from './documents.ts';

/** Length of a list when the caller sets no limit. */
export const DEFAULT_LIMIT = 50;

/**
 * The ledger. Each operation is one atomic conditional write in every implementation, and several processes may use the
 * ledger at the same time. The tests in tests/contract hold for all implementations. Every operation can throw
 * DATABASE_UNAVAILABLE.
 */
export interface Ledger {
  // Manifests

  /**
   * Inserts manifest, run and dataset when the batch_id is new. A manifest that was recorded without a run
   * (recordManifest) can be admitted later; its document is replaced.
   */
  admitManifest(manifest: ManifestDocument, run: RunDocument, dataset: DatasetDocument): Promise<Admission>;
  /**
   * Inserts a manifest that starts no run: a rejected one, or one of a disabled lane. A repeat (same `_id`) changes
   * nothing. Returns the stored manifest. Throws BATCH_ID_TAKEN.
   */
  recordManifest(manifest: ManifestDocument): Promise<ManifestDocument>;
  getManifest(manifestId: string): Promise<ManifestDocument | undefined>;
  /** Manifests that were uploaded under this key, newest first. */
  findManifestsByKey(manifestKey: string): Promise<ManifestDocument[]>;
  /** The admitted manifest of a batch, else the newest rejected one with this `claimed_batch_id`. */
  findManifestByBatch(batchId: string): Promise<ManifestDocument | undefined>;
  /** Ends a running manifest. A repeat changes nothing. Throws TRANSITION_ILLEGAL for another end status. */
  endManifest(manifestId: string, status: EndStatus, error: ErrorDocument | null): Promise<void>;
  markManifestArchived(manifestId: string, archiveKey: string): Promise<void>;

  // Runs

  /** Inserts a rerun. When its run_key is stored, returns the stored run instead. */
  insertRerun(run: RunDocument): Promise<{ inserted: boolean; run: RunDocument }>;
  getRun(runId: string): Promise<RunDocument | undefined>;
  /** Newest first. */
  listRuns(filter?: RunFilter): Promise<RunDocument[]>;
  /** The number of running runs of each lane that has some. Reads only these. */
  countRunningRuns(): Promise<Partial<Record<Lane, number>>>;
  /** Counts the running runs, and the runs that were created since a time (ISO 8601 in UTC). */
  summarizeRuns(since: string): Promise<RunSummary>;
  /**
   * Ends a running run, whichever step is running: every claim but that of `archive` becomes stale. With `unless`, the
   * run stays running if the step has this progress. Returns the run; `changed` is false for a repeat, and for a run
   * that stays running. Throws RUN_NOT_FOUND, TRANSITION_ILLEGAL.
   */
  endRun(
    runId: string,
    status: UnsuccessfulStatus,
    error: ErrorDocument | null,
    unless?: StepProgress,
  ): Promise<{ changed: boolean; run: RunDocument }>;
  /**
   * Calls `onChange` after each change of a run by any process, until `signal` aborts or the ledger closes. Renewed
   * claims are not changes. Resolves when changes are received. Quick changes may be combined, and changes can be
   * missed: the caller must read the run again after a while.
   */
  watchRuns(onChange: (runId: string, status: Status) => void, signal: AbortSignal): Promise<void>;
  /** As watchRuns, but only for changes of ended runs, which are few. A process calls it for steps over a second. */
  watchRunEnds(onEnded: (runId: string, status: Status) => void, signal: AbortSignal): Promise<void>;

  // Claims; claim-rules.ts states when they are rejected

  /**
   * Claims a step: a lease with a new fencing token. With `server`, the same write places a run without placement on
   * this server. Throws RUN_NOT_FOUND.
   */
  claimStep(request: ClaimRequest): Promise<ClaimResult>;
  /** Extends the lease. False when the claim is stale: the worker must stop. */
  renewClaim(claim: ClaimRef, leaseSeconds: number): Promise<boolean>;
  /**
   * Marks the step as done with its reply. With `endRunAs`, the same write ends the run and completes the described
   * assets that it registered, so that an unsuccessful run never has a complete asset. A repeat with the same token
   * changes nothing. Throws CLAIM_STALE.
   */
  finishStep(claim: ClaimRef, reply: SluiceEvent | null, endRunAs?: 'success'): Promise<void>;
  /**
   * Releases the claim after an error, which is stored on the step. With `unplace`, the same write removes the
   * placement of the run if this claim placed it. A stale claim changes nothing.
   */
  releaseStep(claim: ClaimRef, error: ErrorDocument, options?: { unplace?: boolean }): Promise<void>;
  /**
   * Resets every step to pending, stores the error on the claimed one, and increments `restarts`; with `backendDied`
   * (a PostgreSQL process of the run was killed) also `backend_deaths`. Returns the run. Throws CLAIM_STALE.
   */
  restartRun(claim: ClaimRef, error: ErrorDocument, backendDied?: boolean): Promise<RunDocument>;

  // Assets; reads do not return removed assets

  /**
   * Registers an asset with the next version of its dataset, and adds it to the run. A repeat (same `_id`) returns the
   * stored asset. Throws CLAIM_STALE.
   */
  registerAsset(claim: ClaimRef, draft: AssetDraft): Promise<AssetDocument>;
  /** Adds a complete asset to the run. Throws CLAIM_STALE; ASSET_NOT_FOUND when it is removed or not complete. */
  linkAsset(claim: ClaimRef, assetId: string): Promise<void>;
  /**
   * Stores the catalog records of an asset. The write that ends its run with success completes it (finishStep). Throws
   * CLAIM_STALE; ASSET_NOT_FOUND when removed.
   */
  describeAsset(claim: ClaimRef, assetId: string, records: AssetRecords): Promise<void>;
  getAsset(assetId: string): Promise<AssetDocument | undefined>;
  /** Returns the assets in any order. An id without an asset is ignored. */
  getAssets(assetIds: readonly string[]): Promise<AssetDocument[]>;
  /** The newest complete asset of the dataset with this source_hash. */
  findAssetBySource(datasetId: string, sourceHash: string): Promise<AssetDocument | undefined>;
  findAssetByKey(s3Key: string): Promise<AssetDocument | undefined>;
  /** Newest first. */
  listAssets(filter?: AssetFilter): Promise<AssetDocument[]>;
  /** All complete versions of a dataset, newest first, with the fields that its STAC collection needs. */
  listVersions(datasetId: string): Promise<DatasetVersion[]>;

  // Retention and removal; the objects of a removed asset are deleted later (shared/assets/remove-assets.ts)

  /**
   * Sets how many versions of a dataset are kept, unless a later decision is stored. Returns the dataset.
   * Throws DATASET_NOT_FOUND.
   */
  setRetention(datasetId: string, rule: RetentionRule): Promise<DatasetDocument>;
  /** Removes the complete versions beyond the retention rule, and returns them. */
  removeOldVersions(datasetId: string): Promise<AssetDocument[]>;
  /** Removes the incomplete assets of a failed or canceled run, and returns them. Has no effect for other runs. */
  removeUnfinishedAssets(runId: string): Promise<AssetDocument[]>;
  getRemovedAsset(assetId: string): Promise<AssetDocument | undefined>;
  /** Removed assets whose objects are not deleted yet, the oldest removal first. `limit` is 100 by default. */
  listRemovals(filter?: { dataset_id?: string; limit?: number }): Promise<AssetDocument[]>;
  /** Marks the objects of a removed asset as deleted. A repeat changes nothing. */
  markPurged(assetId: string): Promise<void>;

  // Lineage, activities, datasets

  /** Edges with a stored `_id` are ignored. Throws CLAIM_STALE. */
  insertLineage(claim: ClaimRef, edges: LineageDocument[]): Promise<void>;
  /** The edges to the sources of the asset. */
  listLineage(assetId: string): Promise<LineageDocument[]>;
  /** The edges to the assets that were made from the asset. */
  listDerived(assetId: string): Promise<LineageDocument[]>;
  /** An activity with a stored `_id` is ignored. */
  appendActivity(activity: ActivityDocument): Promise<void>;
  /** Newest first. */
  listActivity(filter?: ActivityFilter): Promise<ActivityDocument[]>;
  /** Ordered by dataset_id. `withCompleteAsset`: only datasets with a complete asset. */
  listDatasets(filter?: { withCompleteAsset?: boolean }): Promise<DatasetDocument[]>;
  getDataset(datasetId: string): Promise<DatasetDocument | undefined>;

  /** Resolves when the ledger responds. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export type Admission =
  /** `repeat`: the same manifest (key and sha256) was admitted before; the stored documents are returned. */
  | { outcome: 'admitted' | 'repeat'; manifest: ManifestDocument; run: RunDocument }
  /** The ledger contains another manifest with this batch_id. */
  | { outcome: 'batch_taken'; manifest: ManifestDocument };

/** A step that is done, or, with `orClaimed`, that has a claim whose lease has not expired. */
export interface StepProgress {
  step: string;
  orClaimed: boolean;
}

export interface ClaimRequest {
  runId: string;
  step: StepName;
  owner: string;
  leaseSeconds: number;
  /** An owner whose process has ended: its claim may be replaced before its lease expires. */
  takeOverFrom?: string | undefined;
  /** Name of the PostGIS server for a run without placement. */
  server?: string | undefined;
}

export type ClaimResult =
  | { outcome: 'claimed'; token: number; attempt: number; run: RunDocument }
  /** The step is done. */
  | { outcome: 'done'; reply: SluiceEvent | null; run: RunDocument }
  /** Another owner has a claim whose lease has not expired. */
  | { outcome: 'held'; owner: string; leaseUntil: string }
  /** The run has ended. */
  | { outcome: 'ended'; status: Status }
  /** `archive` of a running run, or another step while the step before it is not done. */
  | { outcome: 'early' };

export interface RetentionRule {
  /** Number of newest versions to keep, at least 1. Null keeps all. */
  keep_versions: number | null;
  /** ISO 8601 in UTC. */
  decided_at: string;
}

export interface RunFilter {
  status?: Status;
  batch_id?: string;
  dataset_id?: string;
  /** No index: the runs of the other conditions are read, newest first, until the page is full. The same for `text`. */
  lane?: Lane;
  /** Part of the batch_id, dataset_id, run_id or uploader, in any case. */
  text?: string;
  /** Created at this time (ISO 8601 in UTC) or later. */
  since?: string;
  /** Created before this time. */
  until?: string;
  /** Whether the archive step, the last one of every run, is done. */
  archived?: boolean;
  /** Largest number of documents to return. Default: 50. */
  limit?: number;
  offset?: number;
}

export interface RunSummary {
  /** Runs that have not ended, whenever they were created. */
  running: number;
  groups: RunGroup[];
}

/** The runs of one lane and status that were created in one hour. */
export interface RunGroup {
  lane: Lane;
  status: Status;
  /** The first 13 characters of the time of creation: `2026-01-31T09`. */
  hour: string;
  count: number;
  /** Sum and maximum of the time from creation to end; 0 for running runs. */
  total_seconds: number;
  max_seconds: number;
}

/** One version of a dataset, without the rest of its asset document. */
export type DatasetVersion = Pick<AssetDocument, 'version' | 'bbox' | 'created_at' | 'data_time'>;

/** The records of an asset in the catalog: its ISO record, and the key of its STAC item. */
export type AssetRecords = Required<Pick<AssetDocument, 'iso' | 'item_key'>>;

export interface AssetFilter {
  dataset_id?: string;
  /** UUID of a run: the assets that it registered or linked. */
  run_id?: string;
  limit?: number;
  offset?: number;
}

export interface ActivityFilter {
  run_id?: string;
  batch_id?: string;
  limit?: number;
  offset?: number;
}
