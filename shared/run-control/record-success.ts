import { setRetentionOfManifest } from '#shared/assets/remove-assets.ts';
import { addVersionToCatalog } from '#shared/catalog/write-catalog.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { activityOf, SLUICE_OPERATOR } from '#shared/ledger/new-run.ts';
import type { Context } from '#shared/runtime/context.ts';
import { inputOfStep } from '#shared/runtime/step-input.ts';
import { endManifestOfRun } from './end-run.ts';

type Services = Pick<Context, 'ledger' | 'objects' | 'env' | 'log'>;

/**
 * What follows the success of a run: its versions enter the catalog, the retention rule of its manifest applies, its
 * manifest ends, and the activity is written last. A repeat after the activity changes nothing, so record-lineage and
 * archive both call it; after a crash in between, the next of them completes it.
 */
export async function recordSuccess(runId: string, services: Services): Promise<void> {
  const { ledger, log } = services;
  const run = await ledger.getRun(runId);
  if (run?.status !== 'success' || (await isRecorded(run, services))) return;
  await publishVersions(run, services);
  await endManifestOfRun(ledger, run);
  const { asset_ids, reused } = inputOfStep({ run, step: 'record-lineage' }, 'sluice.asset.exported');
  const result = { asset_ids, reused };
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

async function isRecorded({ run_id }: RunDocument, { ledger }: Services): Promise<boolean> {
  return (await ledger.listActivity({ run_id })).some(({ activity }) => activity === 'run_succeeded');
}

/**
 * Applies the retention rule and adds the versions that the run made to the catalog. Only complete versions count for
 * both, so nothing is removed for a run that was canceled.
 */
async function publishVersions(run: RunDocument, services: Services): Promise<void> {
  for (const asset of await services.ledger.getAssets(run.asset_ids)) {
    if (asset.run_id !== run._id) continue; // A reused version is published.
    await setRetentionOfManifest(asset.dataset_id, run, services);
    await services.ledger.removeOldVersions(asset.dataset_id);
    await addVersionToCatalog(asset, services);
  }
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
