import type { Polygon } from 'geojson';
import type { Bbox } from './projection.ts';

export function rectangle([west, south, east, north]: Bbox): Polygon {
  const ring = [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
    [west, south],
  ];
  return { type: 'Polygon', coordinates: [ring] };
}
