import { deterministicObjectId } from '#shared/events/event.ts';
import type { AssetDocument, LineageDocument, RunDocument } from '#shared/ledger/documents.ts';

/**
 * The lineage of an asset: one edge from each file that it was made from. An edge depends on asset and file only, so one that
 * stands already (a repeat, or another run that reused the asset) is not written again.
 */
export function lineageEdges(asset: AssetDocument, run: Pick<RunDocument, 'run_id' | 'manifest'>): LineageDocument[] {
  return asset.sources.map(({ path, sha256 }) => ({
    _id: deterministicObjectId('lineage', asset._id, path, sha256),
    asset_id: asset._id,
    source: { kind: 'file', path, sha256 },
    operation: run.manifest.intent,
    recipe: asset.recipe.name,
    parameters: asset.recipe.parameters,
    run_id: run.run_id,
    created_at: new Date().toISOString(),
  }));
}
