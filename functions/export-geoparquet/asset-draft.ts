import { deterministicObjectId, type EventData } from '#shared/events/event.ts';
import { sortedEntries, sourceHashOf } from '#shared/assets/store-asset.ts';
import type { AssetDraft, RunDocument } from '#shared/ledger/documents.ts';
import { horizontalBounds } from '#shared/geoparquet/export/geometry-profile.ts';
import type { GeoParquetFile } from '#shared/geoparquet/export/write-geoparquet.ts';
import { RECIPE_VERSION } from '#shared/recipes/registry.ts';

type Loaded = EventData<'sluice.table.loaded'>;
type Ready = EventData<'sluice.table.ready'>;

/** Increase it when the same CSV would become a different asset, so that older assets are not reused. */
const CSV_READER_VERSION = 3;

/** The id depends on the run only, so that a repeated attempt does not register a second asset. */
export function assetIdOf(runId: string): string {
  return deterministicObjectId('asset', runId, 'geoparquet');
}

/**
 * Hash of the files, of how they are read, and of the recipe with its parameters (sourceHashOf). The parameters of a
 * join include the content hashes of both assets.
 */
export function sourceHash(
  run: Pick<RunDocument, 'manifest'>,
  loaded: Pick<Loaded, 'files'> | undefined,
  ready: Pick<Ready, 'recipe' | 'parameters' | 'crs'>,
): string {
  const hasCsv = loaded?.files.some(({ format }) => format === 'CSV') === true;
  const reading = hasCsv ? [CSV_READER_VERSION, sortedEntries(run.manifest.metadata.tabular ?? {})] : [];
  const recipe = [ready.recipe, RECIPE_VERSION, sortedEntries(ready.parameters), ready.crs, ...reading];
  return sourceHashOf(run.manifest, loaded?.files ?? [], recipe);
}

/** The ledger document of the exported file. */
export function assetDraft(
  run: RunDocument,
  loaded: Loaded | undefined,
  ready: Ready,
  file: GeoParquetFile & {
    s3_key: string;
    source_hash: string;
    bbox: AssetDraft['bbox'];
    software: Record<string, string>;
  },
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
    ...(loaded?.rejected_rows === undefined ? {} : { rejected_rows: loaded.rejected_rows }),
    software: file.software,
    recipe: { name: ready.recipe, parameters: ready.parameters, steps: ready.steps.map(({ step }) => step) },
    sources: loaded?.files ?? [],
    ...(ready.parents === undefined ? {} : { parents: ready.parents }),
    ...(ready.join === undefined ? {} : { join: ready.join }),
    iso: null,
    stac_key: null,
  };
}
