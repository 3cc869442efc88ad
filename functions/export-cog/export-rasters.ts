import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { deleteObjectsOfEarlierAttempts, findExistingAsset, storeAsset } from '#shared/assets/store-asset.ts';
import type { Context } from '#shared/runtime/context.ts';
import { openScratch } from '#shared/runtime/scratch.ts';
import type { Claim } from '#shared/runtime/with-claim.ts';
import { assetKey } from '#shared/contracts/object-keys.ts';
import { describeRaster } from './read/describe-raster.ts';
import { fetchRaster, type RasterSource } from './read/fetch-raster.ts';
import { checkMosaic } from './plan/check-mosaic.ts';
import {
  buildAssetDraft,
  COG_TYPE,
  type PlannedAsset,
  planAssets,
  sourceDocument,
  sourceHash,
} from './plan/plan-assets.ts';
import { checkNodata, rasterParameters } from './plan/raster-parameters.ts';
import { softwareVersions } from './write/software-versions.ts';
import { writeCog } from './write/write-cog.ts';

/**
 * Makes the assets of a run one after the other, so that the disk holds the files of one. A crash leaves assets that the next try
 * finds, at most one object that it deletes, and a scratch folder. `reused` is true when all of them stood before.
 */
export async function exportRasters(claim: Claim, context: Context): Promise<{ asset_ids: string[]; reused: boolean }> {
  await using scratch = await openScratch(context.env, claim);
  const made: { assetId: string; reused: boolean }[] = [];
  for (const [index, planned] of planAssets(claim.run).entries()) {
    const folder = join(scratch.folder, String(index));
    await mkdir(folder);
    made.push(await exportOne(planned, folder, claim, context));
    await rm(folder, { recursive: true });
  }
  return { asset_ids: made.map(({ assetId }) => assetId), reused: made.every(({ reused }) => reused) };
}

async function exportOne(
  planned: PlannedAsset,
  folder: string,
  claim: Claim,
  context: Context,
): Promise<{ assetId: string; reused: boolean }> {
  const { env, gdal } = context;
  const { signal, run } = claim;
  await deleteObjectsOfEarlierAttempts(claim, context, planned.dataset_id);
  const sources: RasterSource[] = [];
  for (const [index, file] of planned.files.entries()) {
    const own = join(folder, `source-${index}`);
    await mkdir(own);
    sources.push(await fetchRaster(file, { ...context, folder: own, signal }));
  }
  const source_hash = sourceHash(run, sources);
  const existing = await findExistingAsset(
    claim,
    { _id: planned._id, dataset_id: planned.dataset_id, source_hash, sources: sources.map(sourceDocument) },
    context,
  );
  if (existing !== undefined) return existing;

  const parameters = rasterParameters(run.manifest);
  const surroundings = { gdal, env, signal };
  const rasters = [];
  for (const source of sources) {
    const raster = await describeRaster(source, surroundings);
    checkNodata(parameters, raster.info, source.file);
    rasters.push(raster);
  }
  checkMosaic(rasters);
  const [file, software] = await Promise.all([
    writeCog(rasters, parameters, folder, surroundings),
    softwareVersions(gdal, signal),
  ]);
  const s3_key = assetKey({ dataset_id: planned.dataset_id, run_id: claim.runId }, claim.token, planned.fileName);
  const asset = await storeAsset(
    file.path,
    COG_TYPE,
    buildAssetDraft(run, planned, rasters, { ...file, s3_key, source_hash, software }),
    claim,
    context,
  );
  return { assetId: asset._id, reused: false };
}
