import { createHash } from 'node:crypto';
import { deterministicObjectId } from '#shared/events/event.ts';
import type { EventData } from '#shared/events/types.ts';
import type { AssetDraft, RunDocument } from '#shared/ledger/documents.ts';
import { horizontalBounds } from '#shared/parquet/geometry-profile.ts';
import type { GeoParquetFile } from '#shared/parquet/write-geoparquet.ts';
import { RECIPE_VERSION } from '#shared/recipes/registry.ts';

export const GEOPARQUET_TYPE = 'application/vnd.apache.parquet';

type Loaded = EventData<'sluice.table.loaded'>;
type Ready = EventData<'sluice.table.ready'>;

/** The same for the same run, so that a repeat registers nothing new. */
export function assetIdOf(runId: string): string {
  return deterministicObjectId('asset', runId, 'geoparquet');
}

/** A key that the claim decides: what a stale worker uploads has another one. */
export function objectKey(run: Pick<RunDocument, 'dataset_id' | 'run_id'>, token: number): string {
  return `${objectPrefix(run)}${token}/${run.dataset_id}.parquet`;
}

export function objectPrefix(run: Pick<RunDocument, 'dataset_id' | 'run_id'>): string {
  return `${run.dataset_id}/${run.run_id}/`;
}

/**
 * SHA-256 over all that decides the content of the asset: the bytes of the files, how the manifest says to read them, the recipe
 * and its parameters. The names of the files, and their order, do not count.
 */
export function sourceHash(run: Pick<RunDocument, 'manifest'>, loaded: Pick<Loaded, 'files'> | undefined, ready: Pick<Ready, 'recipe' | 'parameters' | 'crs'>): string {
  const declared = new Map(run.manifest.files.map(({ path, ...options }) => [path, sorted(options)]));
  const files = (loaded?.files ?? []).map((file) => JSON.stringify([file.sha256, file.layer, declared.get(file.path) ?? null])).sort();
  const recipe = [ready.recipe, RECIPE_VERSION, sorted(ready.parameters), ready.crs, sorted(run.manifest.metadata.join_config ?? {})];
  return createHash('sha256').update(JSON.stringify([files, recipe])).digest('hex');
}

/** Entries by name, so that the order in which fields were written does not count. */
function sorted(values: Record<string, unknown>): [string, unknown][] {
  return Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** What the ledger is told of the exported file. */
export function assetDraft(
  run: RunDocument,
  loaded: Loaded | undefined,
  ready: Ready,
  file: GeoParquetFile & { s3_key: string; source_hash: string; bbox: AssetDraft['bbox']; software: Record<string, string> },
): AssetDraft {
  return {
    _id: assetIdOf(run.run_id),
    dataset_id: run.dataset_id,
    kind: run.lane === 'join' ? 'joined' : 'spatial',
    s3_key: file.s3_key,
    content_hash: file.sha256,
    source_hash: file.source_hash,
    run_id: run._id,
    crs: ready.crs,
    bbox: file.bbox,
    native_bbox: horizontalBounds(file.profile.bbox),
    geometry_types: file.profile.geometry_types,
    row_count: file.profile.row_count,
    columns: file.columns,
    size_bytes: file.size_bytes,
    quality: { ...ready.quality, notes: [...(loaded?.notes ?? []), ...(ready.notes ?? []), ...file.notes] },
    software: file.software,
    recipe: { name: ready.recipe, parameters: ready.parameters, steps: ready.steps.map(({ step }) => step) },
    sources: loaded?.files ?? [],
    iso: null,
    stac_key: null,
  };
}
