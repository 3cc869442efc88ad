import { describedAssetKey, assetKeyPrefix } from '#shared/contracts/object-keys.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';
import { datasetsOfRun } from './run-datasets.ts';

/** Deletes what an ended run left in the lake without registering it, in any of its datasets: an upload whose worker died before it could. */
export async function sweepLake(
  run: Pick<RunDocument, 'run_id' | 'lane' | 'dataset_id' | 'manifest' | 'asset_ids'>,
  { objects, ledger, env, log }: Pick<Context, 'objects' | 'ledger' | 'env' | 'log'>,
): Promise<void> {
  const { run_id } = run;
  const registered = new Set((await ledger.getAssets(run.asset_ids)).map(({ s3_key }) => s3_key));
  for (const dataset_id of datasetsOfRun(run)) {
    for await (const { key } of objects.list(env.LAKE_BUCKET, assetKeyPrefix({ dataset_id, run_id }))) {
      if (registered.has(describedAssetKey(key))) continue;
      await objects.delete(env.LAKE_BUCKET, key);
      log.warn({ run_id, s3_key: key }, 'Object:Sweep:Unregistered');
    }
  }
}
