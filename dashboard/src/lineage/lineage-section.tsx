import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import type { LineageGraph as Graph } from '../../../shared/api/views.ts';
import { getJson } from '../api/client.ts';

// The layout library is loaded after the map.
const LineageGraph = lazy(() => import('./lineage-graph.tsx').then((module) => ({ default: module.LineageGraph })));

/** The lineage around an asset as a section of its page. */
export function LineageSection({ assetId }: { assetId: string }) {
  const path = `/api/assets/${encodeURIComponent(assetId)}/lineage`;
  const { data, error } = useQuery({
    queryKey: ['asset', assetId, 'lineage'],
    queryFn: ({ signal }) => getJson<Graph>(path, signal),
  });
  return (
    <section className="card" aria-labelledby="lineage-heading">
      <div className="card-head">
        <h2 id="lineage-heading">Lineage</h2>
        <span className="small muted">From source files to the assets made from them</span>
      </div>
      <div className="card-body">
        {error && <p role="alert">{error.message}</p>}
        <Suspense fallback={<p>Loading…</p>}>{data && <LineageGraph key={data.root} graph={data} />}</Suspense>
      </div>
    </section>
  );
}
