import { makeEvent, parseRunId } from '#shared/events/event.ts';
import type { Handler } from '#shared/runtime/context.ts';
import { withClaim } from '#shared/runtime/with-claim.ts';
import { exportRasters } from './export-rasters.ts';

/** Converts the rasters of a run to Cloud Optimized GeoTIFFs and registers them as assets. See README.md. */
export const handler: Handler = (event, context) => {
  const run_id = parseRunId(event, 'sluice.run.requested.raster');
  return withClaim(context, { runId: run_id, step: 'export-cog', event }, async (claim) => {
    const exported = await exportRasters(claim, context);
    return makeEvent('sluice.asset.exported', run_id, { run_id, ...exported });
  });
};
