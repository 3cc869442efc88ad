import { makeEvent, parseRunId } from '#shared/events/event.ts';
import { recordSuccess } from '#shared/run-control/record-success.ts';
import type { Handler } from '#shared/runtime/context.ts';
import { inputOfStep } from '#shared/runtime/step-input.ts';
import { withClaim } from '#shared/runtime/with-claim.ts';
import { describeAsset } from './describe-asset.ts';

/** Writes the lineage and the catalog records of a run's assets, and ends the run with success. See README.md. */
export const handler: Handler = async (event, context) => {
  const run_id = parseRunId(event, 'sluice.asset.exported');
  const target = { runId: run_id, step: 'record-lineage', event, close: 'success' } as const;
  const reply = await withClaim(context, target, async (claim) => {
    const { asset_ids } = inputOfStep(claim, 'sluice.asset.exported');
    for (const assetId of asset_ids) await describeAsset(assetId, claim, context);
    return makeEvent('sluice.run.succeeded', run_id, { run_id });
  });
  // The run has ended, and its assets are complete. After a crash here, a repeated delivery or archive continues.
  if (reply !== undefined) await recordSuccess(run_id, context);
  return reply;
};
