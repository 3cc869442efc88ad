import { makeEvent, parseEventData } from '#shared/events/event.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { endManifestOfRun } from '#shared/run-control/end-run.ts';
import type { Context, Handler } from '#shared/runtime/context.ts';
import { withClaim } from '#shared/runtime/with-claim.ts';
import { activityOf, SLUICE_OPERATOR } from '#shared/ledger/new-run.ts';
import { completeAsset } from './complete-asset.ts';

/** Completes the assets of a run (lineage, catalog) and ends the run with success. See README.md. */
export const handler: Handler = async (event, context) => {
  const { run_id, asset_ids, reused } = parseEventData(event, 'sluice.asset.exported');
  const reply = await withClaim(context, { runId: run_id, step: 'record-lineage', close: 'success' }, async (claim) => {
    for (const assetId of asset_ids) await completeAsset(assetId, claim, context);
    return makeEvent('sluice.run.succeeded', run_id, { run_id });
  });
  if (reply !== undefined) await recordSuccess(run_id, { asset_ids, reused }, context);
  return reply;
};

/**
 * Ends the manifest of a successful run and writes the activity. The run has ended before: after a crash in between, a
 * repeated delivery finds the step done and calls this again, and archive ends the manifest, too.
 */
async function recordSuccess(
  runId: string,
  result: { asset_ids: string[]; reused: boolean },
  { ledger, log }: Context,
): Promise<void> {
  const run = await ledger.getRun(runId);
  if (run === undefined) return;
  await endManifestOfRun(ledger, run);
  await ledger.appendActivity(
    activityOf(
      {
        activity: 'run_succeeded',
        operator: SLUICE_OPERATOR,
        run_id: runId,
        batch_id: run.batch_id,
        message: successMessage(run, result),
        details: { ...result, dataset_id: run.dataset_id },
      },
      runId,
    ),
  );
  log.info({ run_id: runId, batch_id: run.batch_id, ...result }, 'Run:End:Success');
}

function successMessage(
  { run_id, batch_id }: RunDocument,
  { asset_ids, reused }: { asset_ids: string[]; reused: boolean },
): string {
  const succeeded = `Run ${run_id} of ${batch_id} succeeded`;
  return reused
    ? `${succeeded}. It reused ${asset_ids.join(', ')}, because the same input was processed before.`
    : `${succeeded}.`;
}
