import {
  AttributionControl,
  type GeoJSONSource,
  Map as MapLibre,
  type MapOptions,
  NavigationControl,
  ScaleControl,
} from 'maplibre-gl';
import { type RefObject, useEffect, useState } from 'react';
import 'maplibre-gl/dist/maplibre-gl.css';
import { baseStyle, loadBaseMap, type MapColors } from './base-map.ts';
import type { Bbox } from './projection.ts';

export type { MapLibre };

/** The center and the zoom of a map. */
export interface MapView {
  center: [longitude: number, latitude: number];
  zoom: number;
}

const PADDING = 32;
/** A single point is shown with its surroundings. */
const MAX_FIT_ZOOM = 14;
const MAX_LATITUDE = 85;
/** Data that are wider are shown with the whole world, which is as wide as the map. */
const MAX_FIT_DEGREES = 240;
/** The middle of a map of the world, which shows less of the Antarctic than of the Arctic. */
const WORLD_LATITUDE = 20;
/** The width of the world at zoom 0. */
const WORLD_PIXELS = 512;

/** The first view. For MapLibre, the east of a box is greater than its west. */
function viewOf(bbox: Bbox | undefined, width: number): Partial<MapOptions> {
  const [west, south, east, north] = bbox ?? [-180, -90, 180, 90];
  const eastOfWest = east < west ? east + 360 : east;
  if (eastOfWest - west > MAX_FIT_DEGREES)
    return { center: [(west + eastOfWest) / 2, WORLD_LATITUDE], zoom: Math.log2(width / WORLD_PIXELS) };
  return {
    bounds: [west, Math.max(south, -MAX_LATITUDE), eastOfWest, Math.min(north, MAX_LATITUDE)],
    fitBoundsOptions: { padding: PADDING, maxZoom: MAX_FIT_ZOOM },
  };
}

/**
 * A map with the base map in an element, at the view that `startView` returns, else at the bounding box. Undefined
 * until its style is loaded and `addLayers` has added the layers of the data. `addLayers` and `startView` are the same
 * functions on each call.
 */
export function useMap(
  container: RefObject<HTMLElement | null>,
  bbox: Bbox | null,
  colors: MapColors,
  addLayers: (map: MapLibre, colors: MapColors) => void,
  startView?: () => MapView | undefined,
): { map: MapLibre | undefined; error: string | undefined } {
  const [map, setMap] = useState<MapLibre>();
  const [error, setError] = useState<string>();
  const view = bbox?.join();
  useEffect(() => {
    if (container.current === null) return;
    let created: MapLibre;
    try {
      const box = view?.split(',').map(Number) as Bbox | undefined;
      created = createMap(container.current, startView?.() ?? viewOf(box, container.current.clientWidth), colors);
    } catch {
      setError('This browser cannot draw maps, because WebGL is not available.');
      return;
    }
    let removed = false;
    void created.once('style.load', () => {
      addLayers(created, colors);
      setMap(created);
    });
    void Promise.all([loadBaseMap(), created.once('load')]).then(([base]) => {
      if (removed) return;
      created.getSource<GeoJSONSource>('land')?.setData(base.land);
      created.getSource<GeoJSONSource>('coasts')?.setData(base.coasts);
      created.getSource<GeoJSONSource>('borders')?.setData(base.borders);
    });
    return () => {
      removed = true;
      setMap(undefined);
      created.remove();
    };
  }, [container, view, colors, addLayers, startView]);
  return { map, error };
}

function createMap(container: HTMLElement, view: Partial<MapOptions>, colors: MapColors): MapLibre {
  const map = new MapLibre({
    container,
    style: baseStyle(colors),
    ...view,
    attributionControl: false,
    // The wheel scrolls the page. With Ctrl or ⌘ it zooms.
    cooperativeGestures: true,
    dragRotate: false,
    pitchWithRotate: false,
    maxPitch: 0,
    fadeDuration: 0,
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new NavigationControl({ showCompass: false }), 'top-right');
  map.addControl(new ScaleControl({}), 'bottom-left');
  map.addControl(new AttributionControl({ compact: false, customAttribution: 'Base map: Natural Earth' }));
  return map;
}
