import type { FeatureCollection } from 'geojson';
import type { GeoJSONSource } from 'maplibre-gl';
import type { MapColors } from './base-map.ts';
import type { ViewFeatures } from './messages.ts';
import type { MapLibre } from './use-map.ts';
import { rectangle } from './rectangle.ts';

export const FEATURES = 'features';
const UNREAD = 'unread';
const EMPTY: FeatureCollection = { type: 'FeatureCollection', features: [] };
/** Layers whose features can be clicked, top first. */
export const CLICKABLE = ['points', 'lines', 'areas'];
/** The features are selected for the view, so a tile of the map contains few of them. */
const OPTIONS = { type: 'geojson' as const, data: EMPTY, maxzoom: 22, tolerance: 0, buffer: 32 };

/** Adds empty layers for the features of a view. */
export function addFeatureLayers(map: MapLibre, colors: MapColors): void {
  map.addSource(UNREAD, OPTIONS);
  map.addSource(FEATURES, OPTIONS);
  map.addLayer({
    id: UNREAD,
    type: 'line',
    source: UNREAD,
    paint: { 'line-color': colors.data, 'line-opacity': 0.5, 'line-dasharray': [2, 2] },
  });
  map.addLayer({
    id: 'areas',
    type: 'fill',
    source: FEATURES,
    filter: ['==', ['geometry-type'], 'Polygon'],
    paint: { 'fill-color': colors.data, 'fill-opacity': ['case', ['==', ['get', 'drawn'], 'box'], 0.15, 0.4] },
  });
  map.addLayer({
    id: 'lines',
    type: 'line',
    source: FEATURES,
    filter: ['!=', ['geometry-type'], 'Point'],
    layout: { 'line-join': 'round' },
    paint: { 'line-color': colors.dataOutline, 'line-width': 1.2 },
  });
  map.addLayer({
    id: 'points',
    type: 'circle',
    source: FEATURES,
    filter: ['==', ['geometry-type'], 'Point'],
    paint: {
      'circle-color': colors.data,
      'circle-radius': ['interpolate', ['linear'], ['zoom'], 0, 1.6, 8, 2.5, 14, 5],
      'circle-stroke-color': colors.dataOutline,
      'circle-stroke-width': ['step', ['zoom'], 0, 10, 1],
    },
  });
  addSelectedLayers(map, colors);
}

const SELECTED_ROW = ['==', ['get', 'row'], -1] as ['==', ['get', string], number];

function addSelectedLayers(map: MapLibre, { selected }: MapColors): void {
  map.addLayer({
    id: 'selected-line',
    type: 'line',
    source: FEATURES,
    filter: SELECTED_ROW,
    paint: { 'line-color': selected, 'line-width': 3 },
  });
  map.addLayer({
    id: 'selected-point',
    type: 'circle',
    source: FEATURES,
    filter: ['all', ['==', ['geometry-type'], 'Point'], SELECTED_ROW],
    paint: { 'circle-color': selected, 'circle-radius': 7, 'circle-stroke-color': '#ffffff', 'circle-stroke-width': 2 },
  });
}

export function showSelected(map: MapLibre, row: number | undefined): void {
  const isSelected = ['==', ['get', 'row'], row ?? -1] as ['==', ['get', string], number];
  map.setFilter('selected-line', ['all', ['!=', ['geometry-type'], 'Point'], isSelected]);
  map.setFilter('selected-point', ['all', ['==', ['geometry-type'], 'Point'], isSelected]);
}

export function showFeatures(map: MapLibre, { features, unread }: ViewFeatures): void {
  map.getSource<GeoJSONSource>(FEATURES)?.setData({ type: 'FeatureCollection', features });
  const outlines = unread.map((bbox) => ({ type: 'Feature' as const, geometry: rectangle(bbox), properties: {} }));
  map.getSource<GeoJSONSource>(UNREAD)?.setData({ type: 'FeatureCollection', features: outlines });
}
