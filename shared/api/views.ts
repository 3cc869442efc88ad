import type { Inspection } from '#shared/contracts/inspection.ts';
import type { JoinPreview } from '#shared/contracts/join-preview.ts';
import type { Lane } from '#shared/contracts/lanes.ts';
import type { Status } from '#shared/contracts/statuses.ts';
import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import type { FieldIssue } from '#shared/text/describe-issue.ts';
import type { FileGroup } from '#shared/landing/group-files.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';
import type { ActivityDocument, AssetDocument, DatasetDocument, Step } from '#shared/ledger/documents.ts';
import type { Discrepancy } from '#shared/reconcile/compare-lake.ts';
import type { Reconciliation } from '#shared/reconcile/reconcile.ts';

/** The documents of the JSON API and of `sluice --json`. They are public: fields are added, but never renamed. */

/** The most entries of a list that the gateway returns for one request. */
export const MAX_LIMIT = 500;

export interface StepView {
  name: string;
  /** `canceled`: the step was stopped, because its run was canceled. */
  status: Step['status'] | 'canceled';
  /** How often the step was started. */
  attempt: number;
  /** Duration of the last attempt; null until it has ended. */
  seconds: number | null;
  /** Start and end of the last attempt. */
  started_at: string | null;
  finished_at: string | null;
  /** The error of the last attempt that failed. */
  error: ErrorDocument | null;
}

export interface RunView {
  /** Id of the run. Null for a manifest that started no run. */
  run_id: string | null;
  batch_id: string | null;
  status: Status;
  steps: StepView[];
  /** The first asset of `assets`; null if there is none. */
  asset: AssetView | null;
  /** The created or linked assets in the order of the files, without removed ones. Only raster runs have several. */
  assets: AssetView[];
  /** Whether the run linked an existing asset of the same input. */
  reused: boolean;
  error: ErrorDocument | null;
  /** What to do about the error. */
  advice: string | null;
  /** Whether the archive step is done. Nothing changes after that. */
  archived: boolean;
  dataset_id: string | null;
  lane: Lane | null;
  intent: string | null;
  manifest_key: string;
  created_at: string;
  finished_at: string | null;
  /** The PostGIS server that the run is placed on, without credentials. Absent with one server. */
  postgis_server?: string;
  /** The run that this run repeats. */
  rerun_of: string | null;
  /** The uploader, or the operator that started a rerun. */
  operator: string | null;
}

export type AssetView = Pick<
  AssetDocument,
  | 'dataset_id'
  | 'version'
  | 'kind'
  | 's3_key'
  | 'row_count'
  | 'crs'
  | 'bbox'
  | 'geometry_types'
  | 'columns'
  | 'quality'
  | 'content_hash'
  | 'size_bytes'
  | 'created_at'
  | 'join'
  | 'raster'
  | 'data_time'
> & {
  id: string;
  /** URL of the object, for GET. */
  url: string;
};

/** An asset with its sources and its processing. */
export type AssetDetailView = AssetView &
  Pick<
    AssetDocument,
    'recipe' | 'sources' | 'parents' | 'source_hash' | 'native_bbox' | 'rejected_rows' | 'software' | 'iso' | 'stac_key'
  >;

/** One entry of the activity log. */
export type ActivityView = Omit<ActivityDocument, '_id'> & { id: string };

export type DatasetView = Pick<DatasetDocument, 'dataset_id' | 'latest_version' | 'created_at'> & {
  /** How many of the newest versions are kept; null for all. */
  keep_versions: number | null;
};

/** A dataset after its retention rule was set, with the versions that were removed. */
export type RetentionView = DatasetView & { removed_versions: number[] };

/** The response of GET /api/overview: what needs attention now, and the work of the last 24 hours. */
export interface OverviewView {
  /** Start of the 24 hours. ISO 8601 in UTC. */
  since: string;
  /** Runs that have not ended, whenever they were created. */
  running: number;
  /** Runs that were created in the 24 hours. */
  lanes: LaneOverview[];
  /** Jobs of the router that wait or run, by function; counted every 30 seconds. Empty with a broker. */
  queues: { function: string; waiting: number; running: number }[];
  dead_letters: number;
}

/** The response of GET /api/function-calls: what the gateway called in the last hour, or since its start. */
export interface FunctionCallsView {
  function: string;
  /** Start of the first minute. ISO 8601 in UTC. */
  since: string;
  running: number;
  /** Calls that ended, and those of them that failed. */
  calls: number;
  failures: number;
  seconds: CallSeconds | null;
  /** Oldest first, without minutes in which no call ended. */
  minutes: { minute: string; calls: number; failures: number; seconds: CallSeconds | null }[];
  /** The last errors, newest first. */
  errors: { at: string; code: string; message: string; run_id: string | null }[];
}

/** Percentiles of the durations of calls. */
export interface CallSeconds {
  p50: number;
  p95: number;
}

/** The runs of a lane in a period. */
export interface LaneOverview {
  lane: Lane;
  /** Numbers of runs by hour of their creation, oldest first, without empty hours. */
  hours: ({ hour: string } & Record<Status, number>)[];
  /** Seconds from creation to end of the ended runs; null if there are none. */
  seconds: { mean: number; max: number } | null;
}

/** An event that the router no longer retries. It is kept until an operator re-drives or discards it. */
export interface DeadLetter {
  id: string;
  /** The function that failed. */
  function: string;
  event: SluiceEvent;
  error: ErrorDocument;
  /** Number of delivery attempts. */
  attempts: number;
  /** Time of the last failure, as ISO 8601 in UTC. */
  failed_at: string;
}

/** A dead letter with the action that is possible. */
export interface DeadLetterView extends DeadLetter {
  run_id: string | null;
  /** False if a re-drive would have no effect. `advice` then contains the reason and the action to take. */
  redrivable: boolean;
  advice: string | null;
}

/** The sources of an asset, and the assets made from it. Edges point from a source to the asset made from it. */
export interface LineageGraph {
  /** Id of the requested asset. */
  root: string;
  nodes: LineageNode[];
  edges: LineageEdge[];
  /** Whether the graph was cut because it is too large. */
  truncated: boolean;
}

export type LineageNode =
  | { id: string; kind: 'file'; path: string; sha256: string }
  | ({ id: string; kind: 'asset' } & Pick<
      AssetDocument,
      'dataset_id' | 'version' | 's3_key' | 'content_hash' | 'created_at'
    > & { asset_kind: AssetDocument['kind'] })
  /** An asset that was removed, for example by a retention rule. Its lineage is kept. */
  | { id: string; kind: 'removed asset'; dataset_id?: string; version?: number; removed_at?: string };

export interface LineageEdge {
  from: string;
  to: string;
  operation: string;
  recipe: string | null;
  parameters: Record<string, unknown>;
  software: Record<string, string>;
  run_id: string;
}

export type { FileGroup, FieldIssue };

/** The response of POST /api/uploads/inspect. */
export type InspectionView = Inspection;

/** An asset that a join can use. */
export type JoinSourceView = Pick<
  AssetView,
  'id' | 'dataset_id' | 'version' | 'kind' | 'row_count' | 'geometry_types' | 'crs' | 'created_at'
>;

/** An asset that a join can use, with the columns that can be keys. Keys with the same `family` can be compared. */
export type JoinSourceDetailView = JoinSourceView & { keys: { name: string; type: string; family: string }[] };

/** The response of GET /api/joins/sources. `is_complete`: the list contains all datasets with the text. */
export interface JoinSourcesView {
  sources: JoinSourceView[];
  is_complete: boolean;
}

/** The response of POST /api/joins/preview. */
export type JoinPreviewView = JoinPreview;

/** The response of POST /api/uploads/plan: how the offered files are ingested. */
export interface UploadPlanView {
  files: FileGroup[];
  /** A valid dataset id made from the name of the first file; null if there is none. */
  dataset_id: string | null;
  /** Files with more bytes are rejected. */
  max_file_bytes: number;
}

/** The response of POST /api/batches/check: the fields of the manifest that are invalid. */
export interface BatchCheckView {
  issues: FieldIssue[];
}

/** The response of POST /api/batches: the manifest was uploaded. */
export interface BatchView {
  batch_id: string;
  manifest_key: string;
}

/** The response of GET /api/manifest-options: what a form for manifests offers. Schemas are JSON Schema 2020-12. */
export interface ManifestOptionsView {
  /** Names of formats by type of file. */
  formats: Record<ManifestFile['type'], string[]>;
  /** The recipes for vector files; `intent` is null for the default recipe. */
  recipes: { intent: string | null; summary: string }[];
  /** Of `metadata.recipe`, without `steps`. */
  recipe: Record<string, unknown>;
  /** Of one entry of `metadata.recipe.steps`. */
  steps: { name: string; summary: string; schema: Record<string, unknown> }[];
  /** Of `metadata.raster`. */
  raster: Record<string, unknown>;
  /** Of `metadata.tabular`. */
  tabular: Record<string, unknown>;
}

/** A discrepancy, what is wrong, and what to do about it. */
export type FindingView = Discrepancy & { problem: string; action: string };

export interface ReconciliationView extends Omit<Reconciliation, 'findings'> {
  findings: FindingView[];
}

/** The response begins before the comparison, so its status cannot report an error. */
export type ReconciliationReply = ReconciliationView | { error: ErrorDocument };
