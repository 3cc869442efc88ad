import { useMemo } from 'react';
import { Link } from 'react-router';
import type { LineageGraph as Graph, LineageNode } from '../../../shared/api/views.ts';
import { type Layout, layOutFor, NODE_HEIGHT, NODE_WIDTH, type PlacedEdge, type PlacedNode } from './lineage-layout.ts';
import { useIsNarrow } from './use-is-narrow.ts';
import { useZoom, type ViewBox } from './use-zoom.ts';
import './lineage.css';

const MIN_VIEW = { width: 480, height: 200 };
const NARROW_MIN_VIEW = { width: 300, height: 200 };
const MAX_HEIGHT = 560;

/** The files and assets around an asset, with links to their pages. */
export function LineageGraph({ graph }: { graph: Graph }) {
  const isNarrow = useIsNarrow();
  const layout = useMemo(() => layOutFor(graph, isNarrow), [graph, isNarrow]);
  const whole = useMemo(() => wholeView(layout, isNarrow), [layout, isNarrow]);
  const { svg, viewBox, zoomIn, zoomOut, reset, handlers } = useZoom(whole);
  return (
    <div className="lineage">
      <div className="lineage-tools">
        <button type="button" className="button" onClick={zoomIn}>
          Zoom in
        </button>
        <button type="button" className="button" onClick={zoomOut}>
          Zoom out
        </button>
        <button type="button" className="button" onClick={reset}>
          Show all
        </button>
      </div>
      <svg ref={svg} viewBox={viewBox} style={{ height: Math.min(whole.height, MAX_HEIGHT) }} {...handlers}>
        <title>Lineage from files to assets</title>
        <defs>
          <marker id="lineage-arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">
            <path d="M0 0 8 4 0 8z" />
          </marker>
        </defs>
        {layout.edges.map((placed, index) => (
          <Edge key={index} {...placed} />
        ))}
        {layout.nodes.map((placed) => (
          <Node key={placed.node.id} {...placed} isRoot={placed.node.id === graph.root} />
        ))}
      </svg>
      {graph.truncated && (
        <p className="small muted">The graph is too large. Assets that are further away are left out.</p>
      )}
    </div>
  );
}

function wholeView(layout: Layout, isNarrow: boolean): ViewBox {
  const least = isNarrow ? NARROW_MIN_VIEW : MIN_VIEW;
  const [width, height] = [Math.max(layout.width, least.width), Math.max(layout.height, least.height)];
  return { x: (layout.width - width) / 2, y: (layout.height - height) / 2, width, height };
}

function Edge({ edge, points }: PlacedEdge) {
  const path = points.map(({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${x} ${y}`).join('');
  const recipe = edge.recipe === null ? '' : `, recipe ${edge.recipe}`;
  return (
    <path className="lineage-edge" d={path} markerEnd="url(#lineage-arrow)">
      <title>{`${edge.operation}${recipe}, run ${edge.run_id}`}</title>
    </path>
  );
}

function Node({ node, x, y, isRoot }: PlacedNode & { isRoot: boolean }) {
  const { title, note, to } = describe(node);
  const content = (
    <span className="lineage-node" data-kind={node.kind} data-root={isRoot}>
      <span className="lineage-title">{title}</span>
      <span className="lineage-note">{note}</span>
    </span>
  );
  return (
    <foreignObject x={x - NODE_WIDTH / 2} y={y - NODE_HEIGHT / 2} width={NODE_WIDTH} height={NODE_HEIGHT}>
      {to !== undefined && !isRoot ? (
        <Link to={to} title={title} draggable={false}>
          {content}
        </Link>
      ) : (
        <span title={title} aria-current={isRoot ? 'page' : undefined}>
          {content}
        </span>
      )}
    </foreignObject>
  );
}

function describe(node: LineageNode): { title: string; note: string; to?: string } {
  switch (node.kind) {
    case 'file':
      return { title: node.path.slice(node.path.lastIndexOf('/') + 1), note: `file · ${node.sha256.slice(0, 8)}` };
    case 'asset':
      return {
        title: node.dataset_id,
        note: `version ${node.version} · ${node.asset_kind}`,
        to: `/assets/${encodeURIComponent(node.id)}`,
      };
    case 'removed asset':
      return {
        title: node.dataset_id ?? 'Removed asset',
        note: node.version === undefined ? 'removed' : `version ${node.version} · removed`,
      };
  }
}
