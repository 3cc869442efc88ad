import type { Bbox } from '../map/projection.ts';
import type { MercatorBox } from './messages.ts';

const MAX_LATITUDE = 85.051129;
const RADIANS = Math.PI / 180;

export function mercatorBox([west, south, east, north]: Bbox): MercatorBox {
  return [mercatorX(west), mercatorY(north), mercatorX(east), mercatorY(south)];
}

function mercatorX(longitude: number): number {
  return (longitude + 180) / 360;
}

function mercatorY(latitude: number): number {
  const limited = Math.max(-MAX_LATITUDE, Math.min(MAX_LATITUDE, latitude));
  return (1 - Math.asinh(Math.tan(limited * RADIANS)) / Math.PI) / 2;
}

export function longitudeOf(x: number): number {
  return x * 360 - 180;
}

export function latitudeOf(y: number): number {
  return Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) / RADIANS;
}

export function boundsOf([west, north, east, south]: MercatorBox): Bbox {
  return [longitudeOf(west), latitudeOf(south), longitudeOf(east), latitudeOf(north)];
}
