import { makeEvent, parseRunId } from '#shared/events/event.ts';
import { JOIN_PREVIEW_REQUESTED } from '#shared/events/inspection.ts';
import type { Handler } from '#shared/runtime/context.ts';
import { withClaim } from '#shared/runtime/with-claim.ts';
import { joinAssets } from './join-assets.ts';
import { answerJoinPreview } from './preview/preview-join.ts';

/** Joins a spatial and a tabular asset of the lake into `processed`. See README.md. */
export const handler: Handler = (event, context) => {
  if (event.type === JOIN_PREVIEW_REQUESTED) return answerJoinPreview(event, context);
  const run_id = parseRunId(event, 'sluice.run.requested.join');
  return withClaim(context, { runId: run_id, step: 'join', event, placesRun: true }, async (claim) => {
    const ready = await joinAssets(claim, context);
    return makeEvent('sluice.table.ready', run_id, ready);
  });
};
