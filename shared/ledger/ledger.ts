import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import type {
  ActivityDocument, AssetDocument, AssetDraft, DatasetDocument, LineageDocument, ManifestDocument, RunDocument, Status, StepName,
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
  /** running -> failure or canceled, whatever step is under way: every claim becomes stale. Returns the run; `changed` is false on a repeat. Throws RUN_NOT_FOUND, TRANSITION_ILLEGAL. */
  endRun(runId: string, status: 'failure' | 'canceled', error: ErrorDocument | null): Promise<{ changed: boolean; run: RunDocument }>;
  /**
   * Calls `onChange` after each change of a run, also by other processes, until `signal` aborts or the ledger closes; a renewed claim is no change.
   * Resolves when it listens. Changes that follow quickly are told once, and some can be missed: read again after a while. Throws DATABASE_UNAVAILABLE.
   */
  watchRuns(onChange: (runId: string, status: Status) => void, signal: AbortSignal): Promise<void>;

  // Assets
  /** Registers an asset and adds it to the run, with the next version of its dataset. A repeat (same _id) returns the stored one. Throws CLAIM_STALE. */
  registerAsset(claim: ClaimRef, draft: AssetDraft): Promise<AssetDocument>;
  /** Adds an asset that exists already (the same source_hash) to the run. Throws CLAIM_STALE. */
  linkAsset(claim: ClaimRef, assetId: string): Promise<void>;
  /** Adds catalogue records to an asset. Throws CLAIM_STALE. */
  describeAsset(claim: ClaimRef, assetId: string, description: Pick<AssetDocument, 'iso' | 'stac_key'>): Promise<void>;
  getAsset(assetId: string): Promise<AssetDocument | undefined>;
  /** The newest asset of the dataset made from the same inputs and recipe. */
  findAssetBySource(datasetId: string, sourceHash: string): Promise<AssetDocument | undefined>;
  findAssetByKey(s3Key: string): Promise<AssetDocument | undefined>;
  /** Newest first. */
  listAssets(filter?: AssetFilter): Promise<AssetDocument[]>;

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
  listActivity(filter?: { run_id?: string; batch_id?: string; limit?: number; offset?: number }): Promise<ActivityDocument[]>;
  listDatasets(): Promise<DatasetDocument[]>;

  /** Resolves when the ledger answers. Throws DATABASE_UNAVAILABLE. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export type Admission =
  | { outcome: 'admitted' | 'repeat'; manifest: ManifestDocument; run: RunDocument }
  | { outcome: 'batch_taken'; manifest: ManifestDocument };

/** What every write of a step names. */
export interface ClaimRef {
  runId: string;
  step: StepName;
  token: number;
}

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
  /** `archive` before the run has ended. */
  | { outcome: 'early' };

export interface RunFilter {
  status?: Status;
  batch_id?: string;
  dataset_id?: string;
  /** Default 50. */
  limit?: number;
  offset?: number;
}

export interface AssetFilter {
  dataset_id?: string;
  /** run_id (UUID) of a run: the assets that it made or linked. */
  run_id?: string;
  limit?: number;
  offset?: number;
}
