import { keyFamily } from '#shared/contracts/join-keys.ts';
import { adviceFor } from '#shared/errors/codes.ts';
import type {
  ActivityDocument,
  AssetDocument,
  DatasetDocument,
  ManifestDocument,
  RunDocument,
  Step,
} from '#shared/ledger/documents.ts';
import type {
  ActivityView,
  AssetDetailView,
  AssetView,
  DatasetView,
  JoinSourceDetailView,
  JoinSourceView,
  RunView,
  StepView,
} from './views.ts';

/** Create the views of ledger documents. `baseUrl` is the address of the gateway for users. */

export function runView(run: RunDocument, assets: AssetDocument[], baseUrl: string): RunView {
  const views = assets.map((asset) => assetView(asset, baseUrl));
  return {
    run_id: run.run_id,
    batch_id: run.batch_id,
    status: run.status,
    steps: run.steps.map((step) => stepView(step, run)),
    asset: views[0] ?? null,
    assets: views,
    reused: isReused(run),
    error: run.error,
    advice: run.error && adviceFor(run.error.code, run),
    archived: run.steps.some((step) => step.name === 'archive' && step.status === 'done'),
    dataset_id: run.dataset_id,
    lane: run.lane,
    intent: run.manifest.intent,
    manifest_key: run.tags.manifest_key,
    created_at: run.created_at,
    finished_at: run.finished_at,
    ...(run.placement === undefined ? {} : { postgis_server: run.placement.server }),
    rerun_of: run.rerun_of,
    operator: run.tags.operator,
  };
}

/** A manifest that started no run, as a RunView: it was rejected, or its lane is disabled. */
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
    advice: manifest.error && adviceFor(manifest.error.code, manifest),
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
  const { join, raster, data_time } = asset;
  return {
    id: asset._id,
    dataset_id: asset.dataset_id,
    version: asset.version,
    kind: asset.kind,
    s3_key: asset.s3_key,
    url: `${baseUrl}/api/assets/${asset._id}/download`,
    row_count: asset.row_count,
    crs: asset.crs,
    bbox: asset.bbox,
    geometry_types: asset.geometry_types,
    columns: asset.columns,
    quality: asset.quality,
    content_hash: asset.content_hash,
    size_bytes: asset.size_bytes,
    created_at: asset.created_at,
    ...(join === undefined ? {} : { join }),
    ...(raster === undefined ? {} : { raster }),
    ...(data_time === undefined ? {} : { data_time }),
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

export function joinSourceView(asset: AssetDocument): JoinSourceView {
  const { _id, dataset_id, version, kind, row_count, geometry_types, crs, created_at } = asset;
  return { id: _id, dataset_id, version, kind, row_count, geometry_types, crs, created_at };
}

export function joinSourceDetailView(asset: AssetDocument): JoinSourceDetailView {
  const keys = asset.columns.flatMap(({ name, type }) => {
    const family = keyFamily(type);
    return family === null ? [] : [{ name, type, family }];
  });
  return { ...joinSourceView(asset), keys };
}

export function datasetView({
  dataset_id,
  latest_version,
  created_at,
  keep_versions = null,
}: DatasetDocument): DatasetView {
  return { dataset_id, latest_version, created_at, keep_versions };
}

/** True if the run reused an existing asset, according to the reply of the export step. */
function isReused(run: RunDocument): boolean {
  const reply = run.steps.find((step) => step.reply?.type === 'sluice.asset.exported')?.reply;
  return (reply?.data as { reused?: boolean } | undefined)?.reused === true;
}

function stepView(step: Step, run: Pick<RunDocument, 'status'>): StepView {
  const { name, attempt, started_at, finished_at } = step;
  const isCanceled = run.status === 'canceled' && wasStopped(step);
  const [status, error] = isCanceled ? (['canceled', null] as const) : [step.status, step.error];
  const ended = started_at !== null && finished_at !== null;
  const seconds = ended ? (Date.parse(finished_at) - Date.parse(started_at)) / 1000 : null;
  return { name, status, attempt, seconds, started_at, finished_at, error };
}

/** Whether a step of a canceled run was executing. Its worker lost the claim; a killed one recorded nothing. */
function wasStopped({ name, status, error }: Step): boolean {
  if (name === 'archive') return false; // It is executed after the cancellation.
  return status === 'running' || (status === 'failed' && ['CLAIM_STALE', 'CANCELED'].includes(error?.code ?? ''));
}
