import dagre from '@dagrejs/dagre';
import type { LineageEdge, LineageGraph, LineageNode } from '../../../shared/api/views.ts';

/** A box of the drawing. `x` and `y` are its center. */
export interface PlacedNode {
  node: LineageNode;
  x: number;
  y: number;
}

export interface PlacedEdge {
  edge: LineageEdge;
  points: { x: number; y: number }[];
}

export interface Layout {
  width: number;
  height: number;
  nodes: PlacedNode[];
  edges: PlacedEdge[];
}

export const NODE_WIDTH = 210;
export const NODE_HEIGHT = 64;

/** `LR`: layers from the files on the left to the newest assets on the right. `TB`: from the top to the bottom. */
export type Direction = 'LR' | 'TB';

const LAYER_DISTANCE: Record<Direction, number> = { LR: 90, TB: 48 };

/** Places the graph in layers. */
export function layOut({ nodes, edges }: LineageGraph, direction: Direction): Layout {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: direction, nodesep: 22, ranksep: LAYER_DISTANCE[direction], marginx: 16, marginy: 16 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id } of nodes) graph.setNode(id, { width: NODE_WIDTH, height: NODE_HEIGHT });
  edges.forEach((edge, index) => graph.setEdge(edge.from, edge.to, {}, String(index)));
  dagre.layout(graph);
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return {
    width,
    height,
    nodes: nodes.map((node) => ({ node, ...(graph.node(node.id) as Position) })),
    edges: edges.map((edge, index) => {
      const { points } = graph.edge(edge.from, edge.to, String(index)) as { points: Position[] };
      return { edge, points };
    }),
  };
}

/** The layout for a screen: on a narrow one, the direction in which the graph is narrower. */
export function layOutFor(graph: LineageGraph, isNarrow: boolean): Layout {
  const across = layOut(graph, 'LR');
  if (!isNarrow) return across;
  const down = layOut(graph, 'TB');
  return down.width < across.width ? down : across;
}

interface Position {
  x: number;
  y: number;
}
