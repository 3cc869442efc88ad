import { AttributionControl, type GeoJSONSource, Map as MapLibre, NavigationControl, ScaleControl } from 'maplibre-gl';
import { type RefObject, useEffect, useState } from 'react';
import 'maplibre-gl/dist/maplibre-gl.css';
import { baseStyle, loadBaseMap, type MapColors } from './base-map.ts';
import type { Bbox } from './projection.ts';

export type { MapLibre };

const PADDING = 32;
/** A single point is shown with its surroundings. */
const MAX_FIT_ZOOM = 14;
const MAX_LATITUDE = 85;

/** For MapLibre, whose east is greater than its west. */
function fitted([west, south, east, north]: Bbox): Bbox {
  return [west, Math.max(south, -MAX_LATITUDE), east < west ? east + 360 : east, Math.min(north, MAX_LATITUDE)];
}

/**
 * A map with the base map in an element, at the bounding box. Undefined until its style is loaded and `addLayers` has
 * added the layers of the data. `addLayers` is the same function on each call.
 */
export function useMap(
  container: RefObject<HTMLElement | null>,
  bbox: Bbox | null,
  colors: MapColors,
  addLayers: (map: MapLibre, colors: MapColors) => void,
): { map: MapLibre | undefined; error: string | undefined } {
  const [map, setMap] = useState<MapLibre>();
  const [error, setError] = useState<string>();
  const view = bbox?.join();
  useEffect(() => {
    if (container.current === null) return;
    let created: MapLibre;
    try {
      created = createMap(container.current, view?.split(',').map(Number) as Bbox | undefined, colors);
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
  }, [container, view, colors, addLayers]);
  return { map, error };
}

function createMap(container: HTMLElement, bbox: Bbox | undefined, colors: MapColors): MapLibre {
  const map = new MapLibre({
    container,
    style: baseStyle(colors),
    ...(bbox
      ? { bounds: fitted(bbox), fitBoundsOptions: { padding: PADDING, maxZoom: MAX_FIT_ZOOM } }
      : { center: [0, 20], zoom: 1 }),
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
