import { deterministicObjectId } from '#shared/events/event.ts';
import { crsLabel } from '#shared/gdal/crs/crs.ts';
import { rasterDatasets } from '#shared/assets/run-datasets.ts';
import { sourceHashOf, sortedEntries } from '#shared/assets/source-hash.ts';
import type { AssetDraft, RunDocument } from '#shared/ledger/documents.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';
import type { DescribedRaster } from '../read/describe-raster.ts';
import type { RasterSource } from '../read/fetch-raster.ts';
import { rasterParameters } from './raster-parameters.ts';
import type { CogFile } from '../write/write-cog.ts';

/** As the OGC standard names it (21-026, media types). */
export const COG_TYPE = 'image/tiff; application=geotiff; profile=cloud-optimized';
/** Counts up when the same source gives another file, so that older assets are not taken for it. */
const COG_VERSION = 2;

/** One asset to be made: of which files, for which dataset. */
export interface PlannedAsset {
  /** The same for the same run, so that a repeat registers nothing new. */
  _id: string;
  dataset_id: string;
  /** Name of its object: no other asset of the run has it, even one of the same dataset. */
  fileName: string;
  files: ManifestFile[];
}

/** The assets of a run, one for each of its datasets (rasterDatasets): of all files for a mosaic, else of one file each. */
export function planAssets(run: Pick<RunDocument, 'run_id' | 'dataset_id' | 'manifest'>): PlannedAsset[] {
  const { files } = run.manifest;
  const datasets = rasterDatasets(run);
  return datasets.map((dataset_id, index) => ({
    _id: deterministicObjectId('asset', run.run_id, 'cog', index),
    dataset_id,
    fileName: datasets.length === 1 ? `${dataset_id}.tif` : `${dataset_id}_${index + 1}.tif`,
    files: datasets.length === 1 ? files : files.slice(index, index + 1),
  }));
}

/** Changes with the files, how they are read, and the parameters; in a mosaic also with their order, since later files lie on top. */
export function sourceHash({ manifest }: Pick<RunDocument, 'manifest'>, sources: readonly RasterSource[]): string {
  const files = sources.map(({ file, sha256, declared }) => ({ path: file, sha256, layer: declared.layer ?? null }));
  return sourceHashOf(
    { files: sources.map(({ declared }) => declared) },
    files,
    ['cog', COG_VERSION, sortedEntries(rasterParameters(manifest))],
    { ordered: true },
  );
}

/** What the ledger is told of a file before GDAL has seen it. */
export function sourceDocument({
  file,
  sha256,
  sizeBytes,
  format,
  declared,
}: RasterSource): AssetDraft['sources'][number] {
  return {
    path: file,
    sha256,
    size_bytes: sizeBytes,
    format: format.name,
    layer: declared.layer ?? null,
    crs: declared.crs ?? null,
    row_count: null,
  };
}

/** What the ledger is told of the written file. */
export function buildAssetDraft(
  run: RunDocument,
  planned: PlannedAsset,
  rasters: readonly DescribedRaster[],
  file: CogFile & { s3_key: string; source_hash: string; software: Record<string, string> },
): AssetDraft {
  return {
    _id: planned._id,
    dataset_id: planned.dataset_id,
    kind: 'raster',
    s3_key: file.s3_key,
    content_hash: file.sha256,
    source_hash: file.source_hash,
    run_id: run._id,
    crs: file.crs,
    bbox: file.bbox,
    native_bbox: file.nativeBbox,
    geometry_types: [],
    row_count: null,
    columns: [],
    size_bytes: file.sizeBytes,
    quality: { null_geometries: 0, empty_geometries: 0, repaired_geometries: 0, notes: file.notes },
    raster: file.raster,
    software: file.software,
    recipe: { name: 'cog', parameters: { ...file.settings }, steps: [...file.steps] },
    sources: rasters.map(({ source, layer, crs }) => ({ ...sourceDocument(source), layer, crs: crsLabel(crs) })),
    iso: null,
    stac_key: null,
  };
}
