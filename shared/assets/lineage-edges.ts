import { deterministicObjectId } from '#shared/events/event.ts';
import type { AssetDocument, LineageDocument, RunDocument } from '#shared/ledger/documents.ts';

/**
 * The lineage of an asset: one edge from each file and each asset that it was made from. An edge depends on asset and source only,
 * so one that stands already (a repeat, or another run of the same files) is not written again.
 */
export function lineageEdges(
  asset: Pick<AssetDocument, '_id' | 'recipe' | 'software' | 'sources' | 'parents'>,
  run: Pick<RunDocument, 'run_id' | 'manifest'>,
): LineageDocument[] {
  const made = {
    asset_id: asset._id,
    operation: run.manifest.intent,
    recipe: asset.recipe.name,
    parameters: asset.recipe.parameters,
    ...(asset.software === undefined ? {} : { software: asset.software }),
    run_id: run.run_id,
    created_at: new Date().toISOString(),
  };
  const files = asset.sources.map(({ path, sha256 }): LineageDocument => ({
    _id: deterministicObjectId('lineage', asset._id, path, sha256),
    ...made,
    source: { kind: 'file', path, sha256 },
  }));
  const assets = (asset.parents ?? []).map((parent): LineageDocument => ({
    _id: deterministicObjectId('lineage', asset._id, parent),
    ...made,
    source: { kind: 'asset', asset_id: parent },
  }));
  return [...files, ...assets];
}
