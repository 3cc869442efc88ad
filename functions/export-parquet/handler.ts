import { deleteObjectsOfEarlierAttempts, findExistingAsset } from '#shared/assets/store-asset.ts';
import { makeEvent, parseRunId } from '#shared/events/event.ts';
import { INSPECTION_REQUESTED } from '#shared/events/inspection.ts';
import type { Handler } from '#shared/runtime/context.ts';
import { answerInspection } from '#shared/runtime/inspection.ts';
import { openScratch } from '#shared/runtime/scratch.ts';
import { withClaim } from '#shared/runtime/with-claim.ts';
import { assetIdOf, tabularSourceHash } from './asset-draft.ts';
import { exportTable } from './export-table.ts';
import { inspectTable } from './inspect-table.ts';
import { fetchTables, sourceFile } from './parse/fetch-tables.ts';

/** Writes the tables of a manifest into one Parquet file, uploads it and registers the asset. See README.md. */
export const handler: Handler = (event, context) => {
  if (event.type === INSPECTION_REQUESTED) return answerInspection(event, context, inspectTable);
  const run_id = parseRunId(event, 'sluice.run.requested.tabular');
  return withClaim(context, { runId: run_id, step: 'export-parquet', event }, async (claim) => {
    const { run, signal } = claim;
    await deleteObjectsOfEarlierAttempts(claim, context);
    await using scratch = await openScratch(context.env, claim);
    const files = await fetchTables(run.manifest.files, { ...context, folder: scratch.folder, signal });
    const sources = files.map(({ source }) => sourceFile(source));
    const source_hash = tabularSourceHash(run, sources);
    const existing = await findExistingAsset(
      claim,
      { _id: assetIdOf(run_id), dataset_id: run.dataset_id, source_hash, sources },
      context,
    );
    const assetId = existing?.assetId ?? (await exportTable(claim, files, source_hash, scratch.folder, context));
    return makeEvent('sluice.asset.exported', run_id, {
      run_id,
      asset_ids: [assetId],
      reused: existing?.reused ?? false,
    });
  });
};
