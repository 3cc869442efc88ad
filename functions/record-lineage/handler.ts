import { makeEvent, parseEventData } from '#shared/events/event.ts';
import { activityOf, SLUICE_OPERATOR } from '#shared/ledger/activity.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { settleManifestWithRun } from '#shared/run-control/settle-manifest.ts';
import type { Context, Handler } from '#shared/runtime/context.ts';
import { withClaim } from '#shared/runtime/with-claim.ts';
import { describeAsset } from './describe-asset.ts';

/** Makes the run's assets whole (lineage, catalog), and closes the run as success. See README.md. */
export const handler: Handler = async (event, context) => {
  const { run_id, asset_ids, reused } = parseEventData(event, 'sluice.asset.exported');
  const reply = await withClaim(context, { runId: run_id, step: 'record-lineage', close: 'success' }, async (claim) => {
    for (const assetId of asset_ids) await describeAsset(assetId, claim, context);
    return makeEvent('sluice.run.succeeded', run_id, { run_id }, { traceparent: claim.run.traceparent ?? undefined });
  });
  if (reply !== undefined) await announce(run_id, { asset_ids, reused }, context);
  return reply;
};

/** After the run was closed: a crash before this leaves it to the repeat, which finds the step done, or to archive. */
async function announce(
  runId: string,
  result: { asset_ids: string[]; reused: boolean },
  { ledger, log }: Context,
): Promise<void> {
  const run = await ledger.getRun(runId);
  if (run === undefined) return;
  await settleManifestWithRun(ledger, run);
  await ledger.appendActivity(
    activityOf(
      {
        activity: 'run_succeeded',
        operator: SLUICE_OPERATOR,
        run_id: runId,
        batch_id: run.batch_id,
        message: successOf(run, result),
        details: { ...result, dataset_id: run.dataset_id },
      },
      runId,
    ),
  );
  log.info({ run_id: runId, batch_id: run.batch_id, ...result }, 'Run:Close:Success');
}

function successOf(
  { run_id, batch_id }: RunDocument,
  { asset_ids, reused }: { asset_ids: string[]; reused: boolean },
): string {
  const succeeded = `Run ${run_id} of ${batch_id} succeeded`;
  return reused
    ? `${succeeded}: the same input was there before, so it gives what was made then (${asset_ids.join(', ')}).`
    : `${succeeded}.`;
}
