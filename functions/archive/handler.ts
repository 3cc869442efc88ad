import { deleteRemovedAssets, deleteUnregisteredObjects } from '#shared/assets/remove-assets.ts';
import { datasetsOfRun } from '#shared/assets/run-datasets.ts';
import { addVersionToCatalog } from '#shared/catalog/write-catalog.ts';
import { writeOpenLineage } from '#shared/catalog/write-openlineage.ts';
import { parseEventData } from '#shared/events/event.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { endManifestOfRun, recordCancellation } from '#shared/run-control/end-run.ts';
import type { Context, Handler } from '#shared/runtime/context.ts';
import { withClaim } from '#shared/runtime/with-claim.ts';
import { archiveManifest } from './archive-manifest.ts';

/**
 * Archives the manifest of an ended run, or a rejected manifest, and deletes the working data of the run. See
 * README.md.
 */
export const handler: Handler = async (event, context) => {
  if (event.type === 'sluice.manifest.rejected') {
    const { manifest_id } = parseEventData(event, 'sluice.manifest.rejected');
    await archiveManifest(manifest_id, null, context);
    return undefined;
  }
  const { run_id } = parseEventData(event, 'sluice.run.succeeded', 'sluice.run.failed', 'sluice.run.canceled');
  return withClaim(context, { runId: run_id, step: 'archive' }, async ({ run, signal }) => {
    await (run.status === 'canceled' ? recordCancellation(context.ledger, run) : endManifestOfRun(context.ledger, run));
    await archiveManifest(run.manifest_id, run_id, { ...context, signal });
    await context.postgis.dropSchema(run_id);
    await finishAssets(run, context);
    await deleteUnregisteredObjects(run, context);
    await writeOpenLineage(run, context);
    return undefined;
  });
};

/**
 * Removes the incomplete assets of a failed or canceled run, and adds its complete ones to the catalog. Then deletes
 * all removed assets of the datasets of the run, also those that an earlier run did not delete because it crashed.
 */
async function finishAssets(
  run: RunDocument,
  context: Pick<Context, 'ledger' | 'objects' | 'env' | 'log'>,
): Promise<void> {
  const { ledger } = context;
  const removed =
    run.status === 'success' || run.asset_ids.length === 0 ? [] : await ledger.removeUnfinishedAssets(run.run_id);
  const assets = await ledger.getAssets(run.asset_ids);
  if (run.status !== 'success') for (const asset of assets) await addVersionToCatalog(asset, context);
  const datasets = new Set([
    ...datasetsOfRun(run),
    ...removed.map(({ dataset_id }) => dataset_id),
    ...assets.map(({ dataset_id }) => dataset_id),
  ]);
  for (const dataset of datasets) await deleteRemovedAssets(context, dataset);
}
