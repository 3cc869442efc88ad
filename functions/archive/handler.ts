import { deleteRemovedAssets, deleteUnregisteredObjects } from '#shared/assets/remove-assets.ts';
import { datasetsOfRun } from '#shared/assets/run-datasets.ts';
import { usesPostgis } from '#shared/contracts/lanes.ts';
import { parseEventData, parseRunId } from '#shared/events/event.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { endManifestOfRun, recordCancellation, recordSuccess } from '#shared/run-control/end-run.ts';
import type { Context, Handler } from '#shared/runtime/context.ts';
import { withClaim } from '#shared/runtime/with-claim.ts';
import { writeOpenLineage } from '#shared/catalog/openlineage.ts';
import { archiveManifest } from './move-manifest.ts';

/**
 * Archives the manifest of an ended run, or a rejected manifest, and deletes the working data of the run. See
 * README.md.
 */
export const handler: Handler = async (event, context) => {
  if (event.type === 'sluice.manifest.rejected') {
    const { manifest_id } = parseEventData(event, 'sluice.manifest.rejected');
    // The manifest of a run is archived after the end of the run, by the event of that end.
    const manifest = await context.ledger.getManifest(manifest_id);
    if (manifest?.run_id != null)
      context.log.warn(
        { manifest_id, run_id: manifest.run_id, reason: 'the manifest has a run' },
        'Event:Handle:Ignored',
      );
    else await archiveManifest(manifest_id, null, context);
    return undefined;
  }
  const run_id = parseRunId(event, 'sluice.run.succeeded', 'sluice.run.failed', 'sluice.run.canceled');
  return withClaim(context, { runId: run_id, step: 'archive', event }, async ({ run, signal }) => {
    await recordEnd(run, context);
    await archiveManifest(run.manifest_id, run_id, { ...context, signal });
    await dropSchema(run, context);
    await finishAssets(run, context);
    await deleteUnregisteredObjects(run, context);
    await writeOpenLineage(run, context);
    return undefined;
  });
};

/** A schema on a server that POSTGIS_URL does not contain any more cannot be dropped. */
async function dropSchema(
  { run_id, lane, placement }: RunDocument,
  { postgis, log }: Pick<Context, 'postgis' | 'log'>,
): Promise<void> {
  if (!usesPostgis(lane)) return;
  if (placement === undefined || postgis.servers.some(({ name }) => name === placement.server))
    return postgis.dropSchema(run_id, placement?.server);
  log.warn({ run_id, server: placement.server, reason: 'POSTGIS_URL does not list the server' }, 'Schema:Drop:Skipped');
}

/** The records of the end of the run, whose writer may have crashed before it wrote them. */
function recordEnd(run: RunDocument, context: Context): Promise<void> {
  if (run.status === 'canceled') return recordCancellation(context.ledger, run);
  if (run.status === 'success') return recordSuccess(run.run_id, context);
  return endManifestOfRun(context.ledger, run);
}

/**
 * Removes the assets of a failed or canceled run, which are incomplete. Then deletes all removed assets of the datasets
 * of the run, including those that an earlier run did not delete because it crashed.
 */
async function finishAssets(
  run: RunDocument,
  context: Pick<Context, 'ledger' | 'objects' | 'env' | 'log'>,
): Promise<void> {
  const { ledger } = context;
  const removed =
    run.status === 'success' || run.asset_ids.length === 0 ? [] : await ledger.removeUnfinishedAssets(run.run_id);
  const assets = await ledger.getAssets(run.asset_ids);
  const datasets = new Set([
    ...datasetsOfRun(run),
    ...removed.map(({ dataset_id }) => dataset_id),
    ...assets.map(({ dataset_id }) => dataset_id),
  ]);
  for (const dataset of datasets) await deleteRemovedAssets(context, dataset);
}
