import { rasterDatasets } from '#shared/assets/run-datasets.ts';
import { sourceHashOf, sortedEntries } from '#shared/assets/source-hash.ts';
import { deterministicObjectId } from '#shared/events/event.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';
import type { RasterSource } from '../read/fetch-raster.ts';
import { rasterParameters } from './raster-parameters.ts';

/** Increased when the same source results in a different file, so that older assets are not reused. */
const COG_VERSION = 2;

export interface PlannedAsset {
  /** Depends on the run only, so that another attempt does not register a second asset. */
  _id: string;
  dataset_id: string;
  /** File name of the object, unique in the run. */
  fileName: string;
  files: ManifestFile[];
}

/** The assets of a run, one per dataset (rasterDatasets): a mosaic of all files, or one asset per file. */
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

/**
 * A hash over the files, their manifest fields and the parameters. The order of files matters: in a mosaic, later files
 * are on top.
 */
export function sourceHash({ manifest }: Pick<RunDocument, 'manifest'>, sources: readonly RasterSource[]): string {
  const files = sources.map(({ file, sha256, declared }) => ({ path: file, sha256, layer: declared.layer ?? null }));
  return sourceHashOf(
    { files: sources.map(({ declared }) => declared) },
    files,
    ['cog', COG_VERSION, sortedEntries(rasterParameters(manifest))],
    { ordered: true },
  );
}
