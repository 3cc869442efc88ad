import type { AssetDocument, LineageDocument } from '#shared/ledger/documents.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';

/** Where an asset comes from, and what was made from it. Edges point from a source to what was made of it. */
export interface LineageGraph {
  /** The asset that was asked for. */
  root: string;
  nodes: LineageNode[];
  edges: LineageEdge[];
  /** True when there is more than the graph shows. */
  truncated: boolean;
}

export type LineageNode =
  | { id: string; kind: 'file'; path: string; sha256: string }
  | ({ id: string; kind: 'asset' } & Pick<
      AssetDocument,
      'dataset_id' | 'version' | 's3_key' | 'content_hash' | 'created_at'
    > & { asset_kind: AssetDocument['kind'] })
  /** An asset that was removed, by a retention rule for example; its lineage stays. */
  | { id: string; kind: 'removed asset'; dataset_id?: string; version?: number; removed_at?: string };

export interface LineageEdge {
  from: string;
  to: string;
  operation: string;
  recipe: string | null;
  parameters: Record<string, unknown>;
  software: Record<string, string>;
  run_id: string;
}

/** More than a person can look at; a graph of a popular asset can be endless. */
const MAX_ASSETS = 500;

type Source = Pick<Ledger, 'getAssets' | 'getRemovedAsset' | 'listLineage' | 'listDerived'>;

/** The graph around an asset: all that it was made from, and all that was made from it. Undefined when there never was such an asset. */
export async function lineageGraph(assetId: string, ledger: Source): Promise<LineageGraph | undefined> {
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

/** Follows edges from asset to asset, each asset once. */
async function walk(
  from: string,
  edgesOf: (id: string) => Promise<LineageDocument[]>,
  next: (edge: LineageDocument) => string | undefined,
) {
  const assets = new Set([from]);
  const edges: LineageDocument[] = [];
  let truncated = false;
  for (const id of assets) {
    // A set gives what is added while it is walked.
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

async function assetNodes(ids: string[], ledger: Source): Promise<Map<string, LineageNode>> {
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
