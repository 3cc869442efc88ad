import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { deleteObjectsOfEarlierAttempts, findExistingAsset, storeAsset } from '#shared/assets/store-asset.ts';
import { assetKey } from '#shared/contracts/object-keys.ts';
import { makeEvent, parseRunId } from '#shared/events/event.ts';
import { namingFile } from '#shared/gdal/gdal-error.ts';
import type { Context, Handler } from '#shared/runtime/context.ts';
import { openScratch } from '#shared/runtime/scratch.ts';
import { type Claim, withClaim } from '#shared/runtime/with-claim.ts';
import { checkMosaic } from './check/check-mosaic.ts';
import { planAssets, type PlannedAsset } from './plan/plan-assets.ts';
import { checkNodata, type RasterParameters, rasterParameters } from './read/raster-parameters.ts';
import { type DescribedRaster, describeRaster } from './read/describe-raster.ts';
import { fetchRaster, type RasterSource } from './read/fetch-raster.ts';
import type { RasterContext } from './run-gdal.ts';
import { buildAssetDraft, gdalVersions, sourceDocument, sourceHash } from './write/asset-draft.ts';
import { writeCog } from './write/write-cog.ts';

/** Converts the rasters of a run to Cloud Optimized GeoTIFFs and registers them as assets. See README.md. */
export const handler: Handler = (event, context) => {
  const run_id = parseRunId(event, 'sluice.run.requested.raster');
  return withClaim(context, { runId: run_id, step: 'export-cog', event }, async (claim) => {
    const exported = await exportRasters(claim, context);
    return makeEvent('sluice.asset.exported', run_id, { run_id, ...exported });
  });
};

interface ExportedAsset {
  assetId: string;
  reused: boolean;
}

/**
 * Creates the assets of a run one after the other, so that the scratch folder contains the files of one asset only. The
 * next attempt after a crash finds the registered assets and deletes an object without an asset. `reused` is true when
 * all assets existed before.
 */
async function exportRasters(claim: Claim, context: Context): Promise<{ asset_ids: string[]; reused: boolean }> {
  await using scratch = await openScratch(context.env, claim);
  const assets: ExportedAsset[] = [];
  for (const [index, planned] of planAssets(claim.run).entries()) {
    const folder = join(scratch.folder, String(index));
    await mkdir(folder);
    assets.push(await exportAsset(planned, folder, claim, context));
    await rm(folder, { recursive: true });
  }
  return { asset_ids: assets.map(({ assetId }) => assetId), reused: assets.every(({ reused }) => reused) };
}

async function exportAsset(
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

  const parameters = rasterParameters(claim.run.manifest);
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
