import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeEvent, parseRunId } from '#shared/events/event.ts';
import { INSPECTION_REQUESTED } from '#shared/events/inspection.ts';
import type { Context, Handler } from '#shared/runtime/context.ts';
import { answerInspection } from '#shared/runtime/inspection.ts';
import { openScratch } from '#shared/runtime/scratch.ts';
import { type Claim, withClaim } from '#shared/runtime/with-claim.ts';
import { exportAsset, type ExportedAsset } from './export-asset.ts';
import { inspectRaster } from './inspect-raster.ts';
import { planAssets } from './plan/plan-assets.ts';

/** Converts the rasters of a run to Cloud Optimized GeoTIFFs and registers them as assets. See README.md. */
export const handler: Handler = (event, context) => {
  if (event.type === INSPECTION_REQUESTED) return answerInspection(event, context, inspectRaster);
  const run_id = parseRunId(event, 'sluice.run.requested.raster');
  return withClaim(context, { runId: run_id, step: 'export-cog', event }, async (claim) => {
    const exported = await exportRasters(claim, context);
    return makeEvent('sluice.asset.exported', run_id, { run_id, ...exported });
  });
};

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
