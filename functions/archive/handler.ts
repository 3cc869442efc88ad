import { publishOpenLineage } from '#shared/catalog/publish-openlineage.ts';
import { parseEventData } from '#shared/events/event.ts';
import { activityOf, SLUICE_OPERATOR } from '#shared/ledger/activity.ts';
import type { ManifestDocument } from '#shared/ledger/documents.ts';
import { sweepLake } from '#shared/assets/sweep-lake.ts';
import { settleManifestWithRun } from '#shared/run-control/settle-manifest.ts';
import type { Context, Handler } from '#shared/runtime/context.ts';
import { withClaim } from '#shared/runtime/with-claim.ts';
import { recordCancellation } from '#shared/run-control/cancellation.ts';
import { archiveManifest } from './archive-manifest.ts';
import { settleAssets } from './settle-assets.ts';

/** The end of every manifest: moved to the archive, with nothing of its run left in PostGIS, and nothing unregistered in the lake. */
export const handler: Handler = async (event, context) => {
  if (event.type === 'sluice.manifest.rejected') {
    const { manifest_id } = parseEventData(event, 'sluice.manifest.rejected');
    await archive(manifest_id, null, context);
    return undefined;
  }
  const { run_id } = parseEventData(event, 'sluice.run.succeeded', 'sluice.run.failed', 'sluice.run.canceled');
  return withClaim(context, { runId: run_id, step: 'archive' }, async ({ run, signal }) => {
    await (run.status === 'canceled'
      ? recordCancellation(context.ledger, run)
      : settleManifestWithRun(context.ledger, run));
    await archive(run.manifest_id, run_id, { ...context, signal });
    await context.postgis.dropSchema(run_id);
    await settleAssets(run, context);
    await sweepLake(run, context);
    await publishOpenLineage(run, context);
    return undefined;
  });
};

async function archive(manifestId: string, runId: string | null, context: Context): Promise<void> {
  const manifest = await context.ledger.getManifest(manifestId);
  if (manifest === undefined) {
    context.log.warn({ manifest_id: manifestId, run_id: runId }, 'Manifest:Archive:Unknown');
    return;
  }
  const archiveKey = await archiveManifest(manifest, context);
  await context.ledger.appendActivity(archived(manifest, runId, archiveKey));
  context.log.info(
    { manifest_key: manifest.manifest_key, archive_key: archiveKey, run_id: runId },
    'Manifest:Archive:Done',
  );
}

function archived(manifest: ManifestDocument, runId: string | null, archiveKey: string) {
  return activityOf(
    {
      activity: 'manifest_archived',
      operator: SLUICE_OPERATOR,
      run_id: runId,
      batch_id: manifest.batch_id ?? manifest.claimed_batch_id,
      message: `${manifest.manifest_key} was moved to ${archiveKey}.`,
      details: { manifest_key: manifest.manifest_key, archive_key: archiveKey },
    },
    manifest._id,
  );
}
