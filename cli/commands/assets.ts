import type { AssetView, LineageGraph, LineageNode } from '#shared/api/views.ts';
import { formatBytes, formatCount, formatTime } from '#shared/text/amounts.ts';
import type { GatewayClient } from '../gateway-client.ts';
import { EXIT, runCommand, writeJson } from '../run-command.ts';
import { assetJson } from '../output/json-output.ts';
import { formatTable, nothingFound, type Terminal } from '../output/terminal.ts';

/** `sluice assets`: lists the assets of the lake or of one dataset, newest first. */
export function assets(
  flags: { dataset?: string; limit: number },
  client: GatewayClient,
  terminal: Terminal,
): Promise<number> {
  return runCommand(async (signal) => {
    const query = new URLSearchParams({
      limit: String(flags.limit),
      ...(flags.dataset ? { dataset_id: flags.dataset } : {}),
    });
    const found = await client.get<AssetView[]>(`/api/assets?${query}`, signal);
    if (terminal.json) writeJson(terminal, found.map(assetJson));
    else terminal.stdout.write(`${found.length === 0 ? noAssets(flags) : tableOf(found)}\n`);
    return EXIT.success;
  }, terminal);
}

function noAssets({ dataset }: { dataset?: string }): string {
  return dataset === undefined ? 'There are no assets.' : nothingFound('asset', { '--dataset': dataset });
}

function tableOf(found: AssetView[]): string {
  const rows = found.map((asset) => [
    formatTime(asset.created_at),
    asset.dataset_id,
    String(asset.version),
    asset.row_count === null ? '' : formatCount(asset.row_count),
    asset.geometry_types.join(', '),
    formatBytes(asset.size_bytes),
    asset.id,
    asset.url,
  ]);
  return formatTable([
    ['CREATED (UTC)', 'DATASET', 'VERSION', 'ROWS', 'GEOMETRY', 'SIZE', 'ASSET', 'DOWNLOAD'],
    ...rows,
  ]);
}

/** `sluice lineage ASSET`: shows the sources of an asset, and the assets made from it. */
export function lineage(assetId: string, client: GatewayClient, terminal: Terminal): Promise<number> {
  return runCommand(async (signal) => {
    const graph = await client.get<LineageGraph>(`/api/assets/${encodeURIComponent(assetId)}/lineage`, signal);
    if (terminal.json) writeJson(terminal, graph);
    else terminal.stdout.write(`${describeLineage(graph).join('\n')}\n`);
    return EXIT.success;
  }, terminal);
}

/** Formats the graph as lines: the asset, the tree of its sources, and the tree of the assets made from it. */
export function describeLineage(graph: LineageGraph): string[] {
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const tree = (id: string, direction: 'from' | 'to', depth: number, ancestors: ReadonlySet<string>): string[] =>
    graph.edges
      .filter((edge) => edge[direction === 'from' ? 'to' : 'from'] === id)
      .flatMap((edge) => {
        const next = edge[direction];
        if (ancestors.has(next)) return []; // A cycle would repeat forever.
        const details = `${edge.operation}, recipe ${edge.recipe ?? 'none'}, run ${edge.run_id}`;
        const line = `${'  '.repeat(depth)}${describeNode(nodes.get(next))}  (${details})`;
        return [line, ...tree(next, direction, depth + 1, new Set([...ancestors, next]))];
      });
  const root = new Set([graph.root]);
  const sources = tree(graph.root, 'from', 1, root);
  const derived = tree(graph.root, 'to', 1, root);
  return [
    describeNode(nodes.get(graph.root)),
    'Sources:',
    ...(sources.length === 0 ? ['  none in the ledger'] : sources),
    'Derived assets:',
    ...(derived.length === 0 ? ['  none'] : derived),
    ...(graph.truncated ? ['The graph is larger; only a part is shown.'] : []),
  ];
}

function describeNode(node: LineageNode | undefined): string {
  if (node === undefined) return 'unknown';
  if (node.kind === 'file') return node.path;
  if (node.kind === 'asset') return `${node.dataset_id}, version ${node.version} (${node.asset_kind} asset ${node.id})`;
  return node.dataset_id === undefined
    ? `asset ${node.id} (removed)`
    : `${node.dataset_id}, version ${node.version} (asset ${node.id}, removed)`;
}
