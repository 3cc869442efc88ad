import { publishVersion } from '#shared/catalog/publish-catalog.ts';
import { finishRemovals } from '#shared/assets/purge.ts';
import { datasetsOfRun } from '#shared/assets/run-datasets.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';

/**
 * Leaves each asset of an ended run whole or gone. What a failed or canceled run had registered, but not described, is removed; what it
 * had described stays, in the catalog. Then everything that was removed from the datasets of the run is deleted: also what an
 * earlier run, or one that died, left to be deleted.
 */
export async function settleAssets(
  run: RunDocument,
  context: Pick<Context, 'ledger' | 'objects' | 'env' | 'log'>,
): Promise<void> {
  const { ledger } = context;
  const unfinished =
    run.status === 'success' || run.asset_ids.length === 0 ? [] : await ledger.removeUnfinishedAssets(run.run_id);
  const assets = await ledger.getAssets(run.asset_ids);
  if (run.status !== 'success') for (const asset of assets) await publishVersion(asset, context);
  const datasets = new Set([
    ...datasetsOfRun(run),
    ...unfinished.map(({ dataset_id }) => dataset_id),
    ...assets.map(({ dataset_id }) => dataset_id),
  ]);
  for (const dataset of datasets) await finishRemovals(context, dataset);
}
