import { useEffect } from 'react';
import type { MapColors } from './base-map.ts';
import { rectangle } from './rectangle.ts';
import type { Bbox } from './projection.ts';
import type { MapLibre } from './use-map.ts';

const OUTLINE = 'bbox';

/** Draws a bounding box in place of data that cannot be drawn. Null for none. */
export function useBboxOutline(map: MapLibre | undefined, bbox: Bbox | null, { data }: MapColors): void {
  const box = bbox?.join();
  useEffect(() => {
    if (!map || box === undefined || map.getSource(OUTLINE)) return;
    const [west, south, east, north] = box.split(',').map(Number) as Bbox;
    const geometry = rectangle([west, south, east < west ? east + 360 : east, north]);
    map.addSource(OUTLINE, { type: 'geojson', data: geometry });
    map.addLayer({ id: OUTLINE, type: 'fill', source: OUTLINE, paint: { 'fill-color': data, 'fill-opacity': 0.25 } });
    map.addLayer({
      id: `${OUTLINE}-line`,
      type: 'line',
      source: OUTLINE,
      paint: { 'line-color': data, 'line-width': 2 },
    });
  }, [map, box, data]);
}
