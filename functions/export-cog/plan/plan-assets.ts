import { rasterDatasets } from '#shared/assets/run-datasets.ts';
import { deterministicObjectId } from '#shared/events/event.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';

export interface PlannedAsset {
  /** Depends on the run only, so that another attempt does not register a second asset. */
  _id: string;
  dataset_id: string;
  /** The end of the key of the object (assetKey). It is unique in the run. */
  keySuffix: string;
  files: ManifestFile[];
}

/** The assets of a run, one per dataset (rasterDatasets): a mosaic of all files, or one asset per file. */
export function planAssets(run: Pick<RunDocument, 'run_id' | 'dataset_id' | 'manifest'>): PlannedAsset[] {
  const { files } = run.manifest;
  const datasets = rasterDatasets(run);
  return datasets.map((dataset_id, index) => ({
    _id: deterministicObjectId('asset', run.run_id, 'cog', index),
    dataset_id,
    keySuffix: datasets.length === 1 ? '.tif' : `_${index + 1}.tif`,
    files: datasets.length === 1 ? files : files.slice(index, index + 1),
  }));
}
