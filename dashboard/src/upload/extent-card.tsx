import { lazy, Suspense } from 'react';
import { Card } from '../ui/card.tsx';
import type { Inspected } from './use-inspections.ts';

// MapLibre is larger than all other code of the page.
const ExtentMap = lazy(() => import('../asset/map/extent-map.tsx'));

/** Where the data is, before anything is ingested. */
export function ExtentCard({ inspections }: { inspections: readonly Inspected[] }) {
  const extents = inspections.flatMap(({ data }) => {
    const bbox = data && data.chosen !== null ? data.layers[data.chosen]?.bbox : undefined;
    return bbox ? [bbox] : [];
  });
  if (extents.length === 0) return null;
  return (
    <Card title="Extent" flush>
      <Suspense fallback={<div className="map map-loading extent-map">Loading the map…</div>}>
        <ExtentMap
          extents={extents}
          note="Check that the data is where it belongs. If not, correct its coordinate system."
        />
      </Suspense>
    </Card>
  );
}
