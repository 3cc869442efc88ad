import type { FeatureCollection, MultiLineString, MultiPolygon } from 'geojson';
import type { StyleSpecification } from 'maplibre-gl';
import { merge, mesh } from 'topojson-client';
import type { GeometryCollection, MultiPolygon as StoredPolygons, Polygon, Topology } from 'topojson-specification';
import { unwrapLine, unwrapPolygon } from './antimeridian.ts';
import worldUrl from 'world-atlas/countries-50m.json?url';

/** Land and borders of Natural Earth at 1:50 million (public domain), bundled with the dashboard. */

type World = Topology<{
  land: GeometryCollection & { geometries: (Polygon | StoredPolygons)[] };
  countries: GeometryCollection;
}>;

/** The map ends at this latitude. */
const MAX_LATITUDE = 85.06;

const EMPTY: FeatureCollection = { type: 'FeatureCollection', features: [] };

export interface BaseMap {
  land: MultiPolygon;
  coasts: MultiLineString;
  /** Borders on land, between two countries. */
  borders: MultiLineString;
}

let loading: Promise<BaseMap> | undefined;

/** Loads the base map once per page. */
export function loadBaseMap(): Promise<BaseMap> {
  loading ??= fetch(worldUrl)
    .then((response) => response.json() as Promise<World>)
    .then((world) => {
      const land = merge(world, world.objects.land.geometries);
      const coasts = mesh(world, world.objects.land);
      const borders = mesh(world, world.objects.countries, (a, b) => a !== b);
      return {
        land: { type: 'MultiPolygon', coordinates: land.coordinates.map(unwrapPolygon) },
        coasts: unwrapLines(coasts),
        borders: unwrapLines(borders),
      };
    });
  return loading;
}

/** Without the line around the south pole, which the map would draw along its edge. */
function unwrapLines({ coordinates }: MultiLineString): MultiLineString {
  const onMap = coordinates.filter((line) => line.some(([, latitude = 0]) => Math.abs(latitude) < MAX_LATITUDE));
  return { type: 'MultiLineString', coordinates: onMap.map(unwrapLine) };
}

export interface MapColors {
  water: string;
  land: string;
  border: string;
  coast: string;
  data: string;
  dataOutline: string;
  selected: string;
}

const LIGHT: MapColors = {
  water: '#dce8ee',
  land: '#f7f6f1',
  border: '#c3bfb4',
  coast: '#a9bcc6',
  data: '#0b6b62',
  dataOutline: '#06423c',
  selected: '#d9480f',
};

const DARK: MapColors = {
  water: '#0f1a21',
  land: '#22303a',
  border: '#45545e',
  coast: '#4b5f6c',
  data: '#4cc2b3',
  dataOutline: '#a5e8de',
  selected: '#ffa94d',
};

/** The colors of the map in the color scheme that the page shows. */
export function mapColors(): MapColors {
  const { theme } = document.documentElement.dataset;
  const isDark = theme === undefined ? matchMedia('(prefers-color-scheme: dark)').matches : theme === 'dark';
  return isDark ? DARK : LIGHT;
}

/** A style without data. Land and borders are added when they are loaded. */
export function baseStyle(colors: MapColors): StyleSpecification {
  return {
    version: 8,
    sources: {
      land: { type: 'geojson', data: EMPTY, maxzoom: 6, tolerance: 0.5 },
      coasts: { type: 'geojson', data: EMPTY, maxzoom: 6, tolerance: 0.5 },
      borders: { type: 'geojson', data: EMPTY, maxzoom: 6, tolerance: 0.5 },
    },
    layers: [
      { id: 'water', type: 'background', paint: { 'background-color': colors.water } },
      { id: 'land', type: 'fill', source: 'land', paint: { 'fill-color': colors.land } },
      { id: 'coasts', type: 'line', source: 'coasts', paint: { 'line-color': colors.coast, 'line-width': 0.8 } },
      { id: 'borders', type: 'line', source: 'borders', paint: { 'line-color': colors.border, 'line-width': 0.8 } },
    ],
  };
}
