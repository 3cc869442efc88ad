import type { FeatureCollection } from 'geojson';
import type { GeoJSONSource } from 'maplibre-gl';
import { useEffect, useRef } from 'react';
import type { MapColors } from './base-map.ts';
import { rectangle } from './rectangle.ts';
import type { Bbox } from './projection.ts';
import { type MapLibre, useMap } from './use-map.ts';
import { useMapColors } from './use-map-colors.ts';
import '../asset-data.css';

const SOURCE = 'extents';

interface ExtentMapProps {
  /** [west, south, east, north] in degrees. */
  extents: readonly Bbox[];
  note: string;
}

/** Bounding boxes on the base map. Other boxes get a new map. */
export default function ExtentMap(props: ExtentMapProps) {
  return <FixedExtentMap key={JSON.stringify(props.extents)} {...props} />;
}

function FixedExtentMap({ extents, note }: ExtentMapProps) {
  const container = useRef<HTMLDivElement>(null);
  const colors = useMapColors();
  const { map, error } = useMap(container, unionOf(extents), colors, addExtentLayers);
  const text = JSON.stringify(collection(extents));
  useEffect(() => {
    map?.getSource<GeoJSONSource>(SOURCE)?.setData(JSON.parse(text) as FeatureCollection);
  }, [map, text]);
  return (
    <div className="map-frame">
      <div ref={container} className="map extent-map" role="region" aria-label="Map of the extents" />
      <p className="map-note" role="status">
        {error ?? note}
      </p>
    </div>
  );
}

function addExtentLayers(map: MapLibre, { data }: MapColors): void {
  map.addSource(SOURCE, { type: 'geojson', data: collection([]) });
  map.addLayer({ id: SOURCE, type: 'fill', source: SOURCE, paint: { 'fill-color': data, 'fill-opacity': 0.25 } });
  map.addLayer({
    id: `${SOURCE}-line`,
    type: 'line',
    source: SOURCE,
    paint: { 'line-color': data, 'line-width': 2 },
  });
}

function collection(extents: readonly Bbox[]): FeatureCollection {
  return {
    type: 'FeatureCollection',
    features: extents.map(([west, south, east, north]) => ({
      type: 'Feature',
      properties: {},
      geometry: rectangle([west, south, east < west ? east + 360 : east, north]),
    })),
  };
}

function unionOf(extents: readonly Bbox[]): Bbox | null {
  if (extents.length === 0) return null;
  const side = (index: 0 | 1 | 2 | 3, choose: (...values: number[]) => number) =>
    choose(...extents.map((extent) => extent[index]));
  if (extents.length === 1) return extents[0] ?? null;
  return [side(0, Math.min), side(1, Math.min), side(2, Math.max), side(3, Math.max)];
}
