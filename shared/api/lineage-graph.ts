import type { AssetDocument, LineageDocument } from '#shared/ledger/documents.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { LineageEdge, LineageGraph, LineageNode } from './views.ts';

/** Limit of the assets in a graph. The graph of a frequently used asset can be very large. */
const MAX_ASSETS = 500;

type LineageLedger = Pick<Ledger, 'getAssets' | 'getRemovedAsset' | 'listLineage' | 'listDerived'>;

/** The sources of an asset and the assets made from it, both transitively. Undefined if the asset never existed. */
export async function lineageGraph(assetId: string, ledger: LineageLedger): Promise<LineageGraph | undefined> {
  if ((await ledger.getAssets([assetId])).length === 0 && (await ledger.getRemovedAsset(assetId)) === undefined)
    return undefined;
  const up = await walk(assetId, (id) => ledger.listLineage(id), sourceAsset);
  const down = await walk(
    assetId,
    (id) => ledger.listDerived(id),
    (edge) => edge.asset_id,
  );
  const found = new Map([...up.edges, ...down.edges].map((edge) => [edge._id, edge]));
  const nodes = await assetNodes([...new Set([...up.assets, ...down.assets])], ledger);
  for (const { source } of found.values())
    if (source.kind === 'file')
      nodes.set(fileId(source), { id: fileId(source), kind: 'file', path: source.path, sha256: source.sha256 });
  const edges = [...found.values()].map(toEdge);
  return { root: assetId, nodes: [...nodes.values()], edges, truncated: up.truncated || down.truncated };
}

/** Follows the edges from asset to asset. Visits each asset once. */
async function walk(
  from: string,
  edgesOf: (id: string) => Promise<LineageDocument[]>,
  next: (edge: LineageDocument) => string | undefined,
) {
  const assets = new Set([from]);
  const edges: LineageDocument[] = [];
  let truncated = false;
  for (const id of assets) {
    // The iteration of a set includes elements that are added during the iteration.
    for (const edge of await edgesOf(id)) {
      const neighbor = next(edge);
      truncated ||= neighbor !== undefined && !assets.has(neighbor) && assets.size >= MAX_ASSETS;
      if (neighbor !== undefined && !assets.has(neighbor) && assets.size >= MAX_ASSETS) continue;
      edges.push(edge);
      if (neighbor !== undefined) assets.add(neighbor);
    }
  }
  return { assets, edges, truncated };
}

function sourceAsset({ source }: LineageDocument): string | undefined {
  return source.kind === 'asset' ? source.asset_id : undefined;
}

function fileId({ path, sha256 }: { path: string; sha256: string }): string {
  return `${path}#${sha256.slice(0, 12)}`;
}

async function assetNodes(ids: string[], ledger: LineageLedger): Promise<Map<string, LineageNode>> {
  const nodes = new Map<string, LineageNode>(
    (await ledger.getAssets(ids)).map((asset) => [asset._id, assetNode(asset)]),
  );
  for (const id of ids) if (!nodes.has(id)) nodes.set(id, removedNode(id, await ledger.getRemovedAsset(id)));
  return nodes;
}

function assetNode({ _id, dataset_id, version, s3_key, content_hash, created_at, kind }: AssetDocument): LineageNode {
  return { id: _id, kind: 'asset', asset_kind: kind, dataset_id, version, s3_key, content_hash, created_at };
}

function removedNode(id: string, asset: AssetDocument | undefined): LineageNode {
  return {
    id,
    kind: 'removed asset',
    ...(asset === undefined
      ? {}
      : { dataset_id: asset.dataset_id, version: asset.version, removed_at: asset.removed?.at ?? asset.created_at }),
  };
}

function toEdge({ source, asset_id, operation, recipe, parameters, software, run_id }: LineageDocument): LineageEdge {
  return {
    from: source.kind === 'file' ? fileId(source) : source.asset_id,
    to: asset_id,
    operation,
    recipe,
    parameters,
    software: software ?? {},
    run_id,
  };
}
