import { type EventData, makeEvent, parseEventData, parseRunId, type SluiceEvent } from '#shared/events/event.ts';
import { findExistingAsset } from '#shared/assets/store-asset.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { Handler } from '#shared/runtime/context.ts';
import { inputOfStep } from '#shared/runtime/step-input.ts';
import { withClaim } from '#shared/runtime/with-claim.ts';
import { assetIdOf, sourceHash } from './asset-draft.ts';
import { exportAsset } from './export-asset.ts';

/** Starts the thread that writes Parquet. */
export { warmUp } from '#shared/geoparquet/worker/worker-pool.ts';

type Loaded = EventData<'sluice.table.loaded'>;

/** Streams `processed` into a GeoParquet file, uploads it and registers the asset. See README.md. */
export const handler: Handler = (event, context) => {
  const runId = parseRunId(event, 'sluice.table.ready');
  return withClaim(context, { runId, step: 'export-geoparquet', event }, async (claim) => {
    const ready = inputOfStep(claim, 'sluice.table.ready');
    const loaded = loadedOf(claim.run);
    const source_hash = sourceHash(claim.run, loaded, ready);
    const existing = await findExistingAsset(
      claim,
      { _id: assetIdOf(claim.runId), dataset_id: claim.run.dataset_id, source_hash, sources: loaded?.files ?? [] },
      context,
    );
    const assetId = existing?.assetId ?? (await exportAsset(claim, loaded, ready, source_hash, context));
    return makeEvent('sluice.asset.exported', runId, {
      run_id: runId,
      asset_ids: [assetId],
      reused: existing?.reused ?? false,
    });
  });
};

/** The reply of load-to-postgis; undefined in the join lane. */
function loadedOf(run: RunDocument): Loaded | undefined {
  const reply = run.steps.find(({ name }) => name === 'load-to-postgis')?.reply;
  return reply ? parseEventData(reply as unknown as SluiceEvent, 'sluice.table.loaded') : undefined;
}
