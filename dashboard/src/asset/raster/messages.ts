import type { AssetView } from '../../../../shared/api/views.ts';
import type { Bbox } from '../map/projection.ts';

export type RasterInput = NonNullable<AssetView['raster']>;

/** A rectangle of the map in Web Mercator units: 0 to 1 from west to east, and from north to south. */
export type MercatorBox = [number, number, number, number];

export interface RasterImage {
  pixels: Uint8ClampedArray<ArrayBuffer>;
  width: number;
  height: number;
  /** Corners of the image in degrees. */
  bounds: Bbox;
  /** How many pixels of the raster one pixel of the overview contains along a side. */
  factor: number;
}

/** How values become colors. */
export type Legend =
  { kind: 'ramp'; low: number; high: number; unit: string; band: string } | { kind: 'rgb' } | { kind: 'palette' };

export interface PixelValues {
  column: number;
  row: number;
  /** One for each band; null for nodata. */
  values: (number | null)[];
}
