import { isoRecord } from '#shared/catalog/iso.ts';
import { publishCatalog } from '#shared/catalog/publish-catalog.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { makeEvent, parseEventData } from '#shared/events/event.ts';
import { activityOf, SLUICE_OPERATOR } from '#shared/ledger/activity.ts';
import { settleManifestWithRun } from '#shared/manifest/settle.ts';
import type { Context, Handler } from '#shared/runtime/context.ts';
import { type Claim, withClaim } from '#shared/runtime/with-claim.ts';
import { lineageEdges } from './lineage-edges.ts';

/** Records where the run's assets come from, and closes the run as success. */
export const handler: Handler = async (event, context) => {
  const { run_id, asset_ids } = parseEventData(event, 'sluice.asset.exported');
  const reply = await withClaim(context, { runId: run_id, step: 'record-lineage', close: 'success' }, async (claim) => {
    for (const assetId of asset_ids) await describe(assetId, claim, context);
    return makeEvent('sluice.run.succeeded', run_id, { run_id }, { traceparent: claim.run.traceparent ?? undefined });
  });
  if (reply !== undefined) await announce(run_id, asset_ids, context);
  return reply;
};

async function describe(assetId: string, claim: Claim, context: Context): Promise<void> {
  const { ledger, env } = context;
  claim.signal.throwIfAborted();
  const asset = await ledger.getAsset(assetId);
  if (asset === undefined) throw new SluiceError('ASSET_NOT_FOUND', `Asset ${assetId} of run ${claim.runId} is not registered.`, { details: { asset_id: assetId } });
  await ledger.insertLineage(claim, lineageEdges(asset, claim.run));
  // A reused asset has its records already, of the run that made it.
  if (asset.stac_key !== null) return;
  const iso = isoRecord(asset, claim.run, env.LAKE_BUCKET);
  const stac_key = await publishCatalog(asset, iso, claim.run, context);
  await ledger.describeAsset(claim, assetId, { iso: { ...iso }, stac_key });
}

/** After the run was closed: a crash before this leaves it to the repeat, which finds the step done, or to archive. */
async function announce(runId: string, assetIds: string[], { ledger, log }: Context): Promise<void> {
  const run = await ledger.getRun(runId);
  if (run === undefined) return;
  await settleManifestWithRun(ledger, run);
  await ledger.appendActivity(activityOf({
    activity: 'run_succeeded', operator: SLUICE_OPERATOR, run_id: runId, batch_id: run.batch_id,
    message: `Run ${runId} of ${run.batch_id} succeeded.`, details: { asset_ids: assetIds, dataset_id: run.dataset_id },
  }, runId));
  log.info({ run_id: runId, batch_id: run.batch_id, asset_ids: assetIds }, 'Run:Close:Success');
}
