import type { LineageGraph, LineageNode } from '#shared/api/lineage-graph.ts';
import { EXIT } from '../exit-codes.ts';
import type { GatewayClient } from '../client/gateway-client.ts';
import { runCommand, writeJson } from '../run-command.ts';
import type { Terminal } from '../output/terminal.ts';

/** `sluice lineage ASSET`: the way from the files to the asset, and on to what was made from it. */
export function lineage(assetId: string, client: GatewayClient, terminal: Terminal): Promise<number> {
  return runCommand(async (signal) => {
    const graph = await client.get<LineageGraph>(`/api/assets/${encodeURIComponent(assetId)}/lineage`, signal);
    if (terminal.json) writeJson(terminal, graph);
    else terminal.stdout.write(`${describeLineage(graph).join('\n')}\n`);
    return EXIT.success;
  }, terminal);
}

/** Lines for a person: the asset, below it what it was made from as a tree, then what was made from it. */
export function describeLineage(graph: LineageGraph): string[] {
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const tree = (id: string, direction: 'from' | 'to', depth: number, above: ReadonlySet<string>): string[] =>
    graph.edges
      .filter((edge) => edge[direction === 'from' ? 'to' : 'from'] === id)
      .flatMap((edge) => {
        const next = edge[direction];
        if (above.has(next)) return [];
        const line = `${'  '.repeat(depth)}${describeNode(nodes.get(next))}  (${edge.operation}, recipe ${edge.recipe ?? 'none'}, run ${edge.run_id})`;
        return [line, ...tree(next, direction, depth + 1, new Set([...above, next]))];
      });
  const root = new Set([graph.root]);
  const above = tree(graph.root, 'from', 1, root);
  const below = tree(graph.root, 'to', 1, root);
  return [
    describeNode(nodes.get(graph.root)),
    'made from',
    ...(above.length === 0 ? ['  nothing that the ledger knows'] : above),
    'used for',
    ...(below.length === 0 ? ['  nothing yet'] : below),
    ...(graph.truncated ? ['There is more than is shown here.'] : []),
  ];
}

function describeNode(node: LineageNode | undefined): string {
  if (node === undefined) return 'unknown';
  if (node.kind === 'file') return node.path;
  if (node.kind === 'asset') return `${node.dataset_id}, version ${node.version} (${node.asset_kind} asset ${node.id})`;
  return node.dataset_id === undefined
    ? `asset ${node.id}, which was removed`
    : `${node.dataset_id}, version ${node.version} (asset ${node.id}), which was removed`;
}
