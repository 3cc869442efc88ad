import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import type {
  ActivityDocument,
  AssetDocument,
  DatasetDocument,
  ManifestDocument,
  RunDocument,
  Step,
} from '#shared/ledger/documents.ts';
import type { Lane } from '#shared/contracts/lanes.ts';
import type { Status } from '#shared/contracts/statuses.ts';

/**
 * What the JSON API and `sluice --json` show of the ledger's documents. These shapes are public: fields are
 * added, never renamed. Pure; `baseUrl` is the gateway as users reach it.
 */

export interface StepView {
  name: string;
  status: Step['status'];
  /** How often it was started. */
  attempt: number;
  /** From the newest start to the end; null until it has ended. */
  seconds: number | null;
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
> & {
  id: string;
  /** Answers a plain GET with the object. */
  url: string;
};

export interface RunView {
  /** Null for a manifest that started no run. */
  run_id: string | null;
  batch_id: string | null;
  status: Status;
  steps: StepView[];
  /** What it made or linked; null before, and after a retention rule has removed it. The first one, when there are several. */
  asset: AssetView | null;
  /** All that it made or linked, in the order of the files; more than one only of rasters. */
  assets: AssetView[];
  /** The same input was there before: the asset was linked, not made. */
  reused: boolean;
  error: ErrorDocument | null;
  /** The manifest stands in the archive and the run's tables are gone: nothing more happens. */
  archived: boolean;
  dataset_id: string | null;
  lane: Lane | null;
  intent: string | null;
  manifest_key: string;
  created_at: string;
  finished_at: string | null;
  /** The run that this one repeats. */
  rerun_of: string | null;
  /** Who started it: the uploader, or whoever reran it. */
  operator: string | null;
}

/** An asset with where it comes from. */
export type AssetDetailView = AssetView &
  Pick<
    AssetDocument,
    'recipe' | 'sources' | 'parents' | 'source_hash' | 'native_bbox' | 'rejected_rows' | 'software' | 'iso' | 'stac_key'
  >;

/** One line of the log of acts. */
export type ActivityView = Omit<ActivityDocument, '_id'> & { id: string };

export type DatasetView = Pick<DatasetDocument, 'dataset_id' | 'latest_version' | 'created_at'> & {
  /** How many of the newest versions stay; null: all. */
  keep_versions: number | null;
};

/** A dataset after its retention rule was set, with the versions that were removed at once. */
export type RetentionView = DatasetView & { removed_versions: number[] };

/** A run, and the assets that it made or found again. */
export function runView(run: RunDocument, assets: AssetDocument[], baseUrl: string): RunView {
  const views = assets.map((asset) => assetView(asset, baseUrl));
  return {
    run_id: run.run_id,
    batch_id: run.batch_id,
    status: run.status,
    steps: run.steps.map(stepView),
    asset: views[0] ?? null,
    assets: views,
    reused: isReused(run),
    error: run.error,
    archived: run.steps.some((step) => step.name === 'archive' && step.status === 'done'),
    dataset_id: run.dataset_id,
    lane: run.lane,
    intent: run.manifest.intent,
    manifest_key: run.tags.manifest_key,
    created_at: run.created_at,
    finished_at: run.finished_at,
    rerun_of: run.rerun_of,
    operator: run.tags.operator,
  };
}

/** A manifest that started no run, in the shape of a run: rejected, or of a lane that is switched off. */
export function manifestView(manifest: ManifestDocument): RunView {
  return {
    run_id: manifest.run_id,
    batch_id: manifest.batch_id ?? manifest.claimed_batch_id,
    status: manifest.status,
    steps: [],
    asset: null,
    assets: [],
    reused: false,
    error: manifest.error,
    archived: manifest.archive_key !== null,
    dataset_id: null,
    lane: manifest.lane,
    intent: manifest.body?.intent ?? null,
    manifest_key: manifest.manifest_key,
    created_at: manifest.created_at,
    finished_at: manifest.status === 'running' ? null : manifest.updated_at,
    rerun_of: null,
    operator: manifest.body?.uploader ?? null,
  };
}

export function assetView(asset: AssetDocument, baseUrl: string): AssetView {
  const {
    dataset_id,
    version,
    kind,
    s3_key,
    row_count,
    crs,
    bbox,
    geometry_types,
    columns,
    quality,
    content_hash,
    size_bytes,
    created_at,
    join,
    raster,
  } = asset;
  const url = `${baseUrl}/api/assets/${asset._id}/download`;
  return {
    id: asset._id,
    dataset_id,
    version,
    kind,
    s3_key,
    url,
    row_count,
    crs,
    bbox,
    geometry_types,
    columns,
    quality,
    content_hash,
    size_bytes,
    created_at,
    ...(join === undefined ? {} : { join }),
    ...(raster === undefined ? {} : { raster }),
  };
}

export function assetDetailView(asset: AssetDocument, baseUrl: string): AssetDetailView {
  const { recipe, sources, parents, source_hash, native_bbox, rejected_rows, software, iso, stac_key } = asset;
  return {
    ...assetView(asset, baseUrl),
    recipe,
    sources,
    ...(parents === undefined ? {} : { parents }),
    source_hash,
    native_bbox,
    rejected_rows,
    software,
    iso,
    stac_key,
  };
}

export function activityView({ _id, ...activity }: ActivityDocument): ActivityView {
  return { id: _id, ...activity };
}

export function datasetView({
  dataset_id,
  latest_version,
  created_at,
  keep_versions = null,
}: DatasetDocument): DatasetView {
  return { dataset_id, latest_version, created_at, keep_versions };
}

/** As the step that exported says. */
function isReused(run: RunDocument): boolean {
  const exported = run.steps.find(({ reply }) => reply?.type === 'sluice.asset.exported')?.reply;
  return (exported?.data as { reused?: boolean } | undefined)?.reused === true;
}

function stepView(step: Step): StepView {
  const ended = step.started_at !== null && step.finished_at !== null;
  const seconds = ended ? (Date.parse(step.finished_at!) - Date.parse(step.started_at!)) / 1000 : null;
  return { name: step.name, status: step.status, attempt: step.attempt, seconds };
}
