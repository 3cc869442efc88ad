import { makeEvent, parseRunId } from '#shared/events/event.ts';
import { INSPECTION_REQUESTED } from '#shared/events/inspection.ts';
import type { Handler } from '#shared/runtime/context.ts';
import { answerInspection } from '#shared/runtime/inspection.ts';
import { withClaim } from '#shared/runtime/with-claim.ts';
import { inspectVector } from './inspect-vector.ts';
import { loadFiles } from './load/load-files.ts';

/** Downloads the files of the run and loads them into `raw_data` in the schema of the run. */
export const handler: Handler = async (event, context) => {
  if (event.type === INSPECTION_REQUESTED) return answerInspection(event, context, inspectVector);
  const run_id = parseRunId(event, 'sluice.run.requested.vector');
  return withClaim(context, { runId: run_id, step: 'load-to-postgis', event, placesRun: true }, async (claim) => {
    const loaded = await loadFiles(claim, context);
    return makeEvent('sluice.table.loaded', run_id, loaded);
  });
};
