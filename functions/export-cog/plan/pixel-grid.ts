import type { Extent } from '#shared/gdal/crs/check-extent.ts';
import { gridPoints } from '#shared/gdal/crs/extent-in-degrees.ts';
import type { RasterInfo } from '../read/raster-info.ts';

/** Where the pixels of a raster lie, in units of its CRS. */

/** Bytes of one pixel by GDAL's type; a type of a later GDAL counts as the largest. */
const PIXEL_BYTES: Record<string, number> = {
  Byte: 1,
  Int8: 1,
  UInt16: 2,
  Int16: 2,
  UInt32: 4,
  Int32: 4,
  UInt64: 8,
  Int64: 8,
  Float32: 4,
  Float64: 8,
  CInt16: 4,
  CInt32: 8,
  CFloat32: 8,
  CFloat64: 16,
};
const LARGEST_PIXEL_BYTES = 16;
/** Part of a pixel by which grids may differ and still count as one: rounding in world files. */
const SAME_GRID_TOLERANCE = 0.01;

type Grid = Pick<RasterInfo, 'geoTransform' | 'size'>;

/** Bytes of all pixels, uncompressed. */
export function uncompressedBytes({ size: [width, height], bands }: Pick<RasterInfo, 'size' | 'bands'>): number {
  return width * height * bands.reduce((sum, { type }) => sum + (PIXEL_BYTES[type] ?? LARGEST_PIXEL_BYTES), 0);
}

/** True when rows run from west to east and from north to south. */
export function isNorthUp({ geoTransform }: Grid): boolean {
  return geoTransform !== undefined && isAxisAligned({ geoTransform }) && geoTransform[1] > 0 && geoTransform[5] < 0;
}

/** True when rows and columns follow the axes, whatever their direction. */
export function isAxisAligned({ geoTransform }: Pick<Grid, 'geoTransform'>): boolean {
  return geoTransform !== undefined && geoTransform[2] === 0 && geoTransform[4] === 0;
}

/** Points all over the raster. Without a geotransform there are none. */
export function rasterPoints({ geoTransform, size: [width, height] }: Grid): (readonly [number, number])[] {
  if (geoTransform === undefined) return [];
  const [x, xByColumn, xByRow, y, yByColumn, yByRow] = geoTransform;
  return gridPoints((across, down) => [
    x + across * width * xByColumn + down * height * xByRow,
    y + across * width * yByColumn + down * height * yByRow,
  ]);
}

/** The bounds of an upright raster. */
export function rasterExtent({ geoTransform, size: [width, height] }: Grid): Extent | undefined {
  if (geoTransform === undefined) return undefined;
  const [x, columnWidth, , y, , rowHeight] = geoTransform;
  const [xs, ys] = [
    [x, x + columnWidth * width],
    [y, y + rowHeight * height],
  ];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** A north-up grid: its bounds and the size of a pixel. */
export interface TargetGrid {
  extent: Extent;
  resolution: [number, number];
  size: [number, number];
}

/**
 * The smallest grid that holds all rasters with the pixels of the first, so that pixels of the same grid keep their values.
 * Undefined when a raster is not upright, or its pixels have another size or place.
 */
export function commonGrid(rasters: readonly Grid[]): TargetGrid | undefined {
  const extents = rasters.map((raster) => (isAxisAligned(raster) ? rasterExtent(raster) : undefined));
  const first = rasters[0]?.geoTransform;
  if (first === undefined || !extents.every((extent) => extent !== undefined)) return undefined;
  const [dx, dy] = [Math.abs(first[1]), Math.abs(first[5])];
  const origin = [extents[0]?.[0] ?? 0, extents[0]?.[3] ?? 0] as const;
  const aligned = rasters.every(({ geoTransform }, index) => {
    const extent = extents[index];
    if (geoTransform === undefined || extent === undefined) return false;
    const sameSize =
      Math.abs(Math.abs(geoTransform[1]) / dx - 1) * widest(rasters) < SAME_GRID_TOLERANCE &&
      Math.abs(Math.abs(geoTransform[5]) / dy - 1) * widest(rasters) < SAME_GRID_TOLERANCE;
    return sameSize && isWhole((extent[0] - origin[0]) / dx) && isWhole((origin[1] - extent[3]) / dy);
  });
  if (!aligned) return undefined;
  const columnsBefore = Math.max(...extents.map((extent) => Math.round((origin[0] - extent[0]) / dx)));
  const rowsBefore = Math.max(...extents.map((extent) => Math.round((extent[3] - origin[1]) / dy)));
  const columns = Math.max(...extents.map((extent) => Math.round((extent[2] - origin[0]) / dx)));
  const rows = Math.max(...extents.map((extent) => Math.round((origin[1] - extent[1]) / dy)));
  return {
    extent: [
      origin[0] - columnsBefore * dx,
      origin[1] - rows * dy,
      origin[0] + columns * dx,
      origin[1] + rowsBefore * dy,
    ],
    resolution: [dx, dy],
    size: [columns + columnsBefore, rows + rowsBefore],
  };
}

function widest(rasters: readonly Grid[]): number {
  return Math.max(...rasters.flatMap(({ size }) => size));
}

function isWhole(value: number): boolean {
  return Math.abs(value - Math.round(value)) < SAME_GRID_TOLERANCE;
}
