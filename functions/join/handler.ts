import { makeEvent, parseEventData } from '#shared/events/event.ts';
import type { Handler } from '#shared/runtime/context.ts';
import { withClaim } from '#shared/runtime/with-claim.ts';
import { joinAssets } from './join-assets.ts';

/** Joins a spatial and a tabular asset of the lake into `processed`. See README.md. */
export const handler: Handler = (event, context) => {
  const { run_id } = parseEventData(event, 'sluice.run.requested.join');
  return withClaim(context, { runId: run_id, step: 'join' }, async (claim) => {
    const started = performance.now();
    const ready = await joinAssets(claim, context);
    context.log.info(
      { run_id, ...ready.join, rows: ready.steps.at(-1)?.row_count, seconds: (performance.now() - started) / 1000 },
      'Asset:Join:Success',
    );
    return makeEvent('sluice.table.ready', run_id, ready, { traceparent: claim.run.traceparent ?? undefined });
  });
};
