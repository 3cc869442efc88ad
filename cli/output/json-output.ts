import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import type { AssetView, RunView, StepView } from '#shared/api/views.ts';

/** The documents of `--json`. Programs rely on these fields: new fields may be added, existing ones never renamed. */

export interface RunJson {
  run_id: string | null;
  batch_id: string | null;
  status: RunView['status'];
  steps: Pick<StepView, 'name' | 'status' | 'attempt' | 'seconds'>[];
  /** The first asset, when there are several. */
  asset: AssetJson | null;
  /** All assets, when a run of rasters has several. */
  assets?: AssetJson[];
  /** Whether the run linked an existing asset of the same input. */
  reused: boolean;
  error: ErrorDocument | null;
}

/** The fields of an asset, in this order. A field that does not apply to the asset is absent. */
const ASSET_FIELDS = [
  'id',
  'dataset_id',
  'version',
  's3_key',
  'url',
  'row_count',
  'crs',
  'bbox',
  'geometry_types',
  'columns',
  'quality',
  'content_hash',
  'size_bytes',
  'join',
  'raster',
  'data_time',
] as const satisfies (keyof AssetView)[];

export type AssetJson = Pick<AssetView, (typeof ASSET_FIELDS)[number]>;

export function runJson({ run_id, batch_id, status, steps, asset, assets, reused, error }: RunView): RunJson {
  return {
    run_id,
    batch_id,
    status,
    steps: steps.map(({ name, status: state, attempt, seconds }) => ({ name, status: state, attempt, seconds })),
    asset: asset && assetJson(asset),
    reused,
    error,
    ...(assets.length > 1 ? { assets: assets.map(assetJson) } : {}),
  };
}

export function assetJson(asset: AssetView): AssetJson {
  const fields = ASSET_FIELDS.filter((name) => asset[name] !== undefined).map((name) => [name, asset[name]]);
  return Object.fromEntries(fields) as AssetJson;
}

/** The document of a command that failed before it had a run. It has the fields of a run. */
export function errorJson(error: ErrorDocument, batchId: string | null = null): RunJson {
  return { run_id: null, batch_id: batchId, status: 'failure', steps: [], asset: null, reused: false, error };
}

/** The commands whose document is a run. */
const RUN_COMMANDS = new Set(['ingest', 'join', 'run', 'rerun', 'cancel']);

/** The document of a command with wrong usage: with the fields of a run, if the command returns a run. */
export function usageJson([command = '']: string[], error: ErrorDocument): unknown {
  return RUN_COMMANDS.has(command) ? errorJson(error) : { error };
}
