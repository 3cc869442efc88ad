import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { deleteObjectsOfEarlierAttempts, findExistingAsset, storeAsset } from '#shared/assets/store-asset.ts';
import { assetKey } from '#shared/contracts/object-keys.ts';
import { namingFile } from '#shared/gdal/gdal-error.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { Claim } from '#shared/runtime/with-claim.ts';
import { checkMosaic } from './check/check-mosaic.ts';
import type { PlannedAsset } from './plan/plan-assets.ts';
import { checkNodata, type RasterParameters, requestedParameters } from './read/raster-parameters.ts';
import { type DescribedRaster, describeRaster } from './read/describe-raster.ts';
import { fetchRaster, type RasterSource } from './read/fetch-raster.ts';
import type { RasterContext } from './run-gdal.ts';
import { buildAssetDraft, gdalVersions, sourceDocument, sourceHash } from './write/asset-draft.ts';
import { writeCog } from './write/write-cog.ts';

export interface ExportedAsset {
  assetId: string;
  /** True when the asset existed before. */
  reused: boolean;
}

/**
 * Downloads the files of an asset to `folder`, writes the asset, uploads and registers it. An asset of the same source
 * is linked instead.
 */
export async function exportAsset(
  planned: PlannedAsset,
  folder: string,
  claim: Claim,
  context: Context,
): Promise<ExportedAsset> {
  const { dataset_id } = planned;
  await deleteObjectsOfEarlierAttempts(claim, context, dataset_id);
  const sources = await fetchSources(planned, folder, claim, context);
  const source_hash = sourceHash(claim.run, sources);
  const existing = await findExistingAsset(
    claim,
    { _id: planned._id, dataset_id, source_hash, sources: sources.map(sourceDocument) },
    context,
  );
  if (existing !== undefined) return existing;

  const parameters = requestedParameters(claim.run.manifest);
  const rasterContext = { gdal: context.gdal, env: context.env, signal: claim.signal };
  const rasters = await describeSources(sources, parameters, rasterContext);
  const [file, software] = await Promise.all([
    writeCog(rasters, parameters, folder, rasterContext),
    gdalVersions(context.gdal),
  ]);
  const s3_key = assetKey({ dataset_id, run_id: claim.runId }, claim.token, planned.keySuffix);
  const draft = buildAssetDraft(claim.run, planned, rasters, { ...file, s3_key, source_hash, software });
  const asset = await storeAsset(file.path, draft, claim, context);
  return { assetId: asset._id, reused: false };
}

async function fetchSources(
  { files }: PlannedAsset,
  folder: string,
  { signal }: Claim,
  context: Context,
): Promise<RasterSource[]> {
  const sources: RasterSource[] = [];
  for (const [index, file] of files.entries()) {
    const sourceFolder = join(folder, `source-${index}`);
    await mkdir(sourceFolder);
    sources.push(await fetchRaster(file, { ...context, folder: sourceFolder, signal }));
  }
  return sources;
}

async function describeSources(
  sources: readonly RasterSource[],
  parameters: RasterParameters,
  context: RasterContext,
): Promise<DescribedRaster[]> {
  const rasters: DescribedRaster[] = [];
  for (const source of sources) {
    const raster = await namingFile(source.file, () => describeRaster(source, parameters.nodata, context));
    checkNodata(parameters, raster.info, source.file);
    rasters.push(raster);
  }
  checkMosaic(rasters);
  return rasters;
}
