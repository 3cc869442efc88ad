import { useEffect } from 'react';
import { useChangeParams } from '../../ui/use-change-params.ts';
import type { MapLibre, MapView } from './use-map.ts';

const PARAMETER = 'map';
/** About a meter. */
const DEGREE_DIGITS = 5;
const ZOOM_DIGITS = 2;

/** The view that the URL names as `map=LONGITUDE,LATITUDE,ZOOM`, if it names one. */
export function viewInUrl(search = window.location.search): MapView | undefined {
  const parts = new URLSearchParams(search).get(PARAMETER)?.split(',') ?? [];
  const [longitude, latitude, zoom] = parts.map((part) => (part === '' ? NaN : Number(part)));
  if (longitude === undefined || latitude === undefined || zoom === undefined || parts.length > 3) return undefined;
  const isValid = Math.abs(longitude) <= 360 && Math.abs(latitude) <= 90 && zoom >= 0 && zoom <= 24;
  return isValid ? { center: [longitude, latitude], zoom } : undefined;
}

export function viewText({ center: [longitude, latitude], zoom }: MapView): string {
  const digits = (value: number, count: number) => String(Number(value.toFixed(count)));
  return [digits(longitude, DEGREE_DIGITS), digits(latitude, DEGREE_DIGITS), digits(zoom, ZOOM_DIGITS)].join(',');
}

/** Writes the view to the URL after each movement by the user. */
export function useViewInUrl(map: MapLibre | undefined): void {
  const change = useChangeParams();
  useEffect(() => {
    if (!map) return;
    // A movement without an event of the user is the first view or a change of the size.
    const moved = ({ originalEvent }: { originalEvent?: unknown }) => {
      if (originalEvent === undefined) return;
      const { lng, lat } = map.getCenter();
      change({ [PARAMETER]: viewText({ center: [lng, lat], zoom: map.getZoom() }) });
    };
    map.on('moveend', moved);
    return () => void map.off('moveend', moved);
  }, [map, change]);
}
