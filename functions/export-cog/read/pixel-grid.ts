import { type Extent, gridPoints, type Point } from '#shared/contracts/extent.ts';
import type { RasterInfo } from './raster-info.ts';

/** The position of the pixels of a raster, in units of its CRS. */

/** Bytes of one pixel by GDAL's type. */
export const PIXEL_BYTES: Record<string, number> = {
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
/** Bytes of the largest pixel, assumed for types that only newer versions of GDAL have. */
const LARGEST_PIXEL_BYTES = 16;
/** Difference, in pixels, up to which two grids are the same: world files contain rounded numbers. */
const SAME_GRID_TOLERANCE = 0.01;

type Grid = Pick<RasterInfo, 'geoTransform' | 'size'>;

/** Number of bytes of all pixels of all bands, uncompressed. */
export function uncompressedBytes({ size: [width, height], bands }: Pick<RasterInfo, 'size' | 'bands'>): number {
  return width * height * bands.reduce((sum, { type }) => sum + (PIXEL_BYTES[type] ?? LARGEST_PIXEL_BYTES), 0);
}

/** True when rows run from west to east, and columns from north to south. */
export function isNorthUp({ geoTransform }: Grid): boolean {
  return geoTransform !== undefined && isAxisAligned({ geoTransform }) && geoTransform[1] > 0 && geoTransform[5] < 0;
}

/** True when rows and columns are parallel to the axes, in any direction. */
export function isAxisAligned({ geoTransform }: Pick<Grid, 'geoTransform'>): boolean {
  return geoTransform !== undefined && geoTransform[2] === 0 && geoTransform[4] === 0;
}

/** A grid of points over the raster; empty without a geotransform. */
export function rasterPoints({ geoTransform, size: [width, height] }: Grid): Point[] {
  if (geoTransform === undefined) return [];
  const [x, xByColumn, xByRow, y, yByColumn, yByRow] = geoTransform;
  return gridPoints((across, down) => [
    x + across * width * xByColumn + down * height * xByRow,
    y + across * width * yByColumn + down * height * yByRow,
  ]);
}

/** The extent of an axis-aligned raster; undefined without a geotransform. */
export function rasterExtent({ geoTransform, size: [width, height] }: Grid): Extent | undefined {
  if (geoTransform === undefined) return undefined;
  const [x, columnWidth, , y, , rowHeight] = geoTransform;
  const xs = [x, x + columnWidth * width];
  const ys = [y, y + rowHeight * height];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/**
 * The extent of the centers of the pixels. In a grid whose first and last rows are at the poles, half of these rows is
 * beyond the poles.
 */
export function centerExtent({ geoTransform, size: [width, height] }: Grid): Extent | undefined {
  if (geoTransform === undefined) return undefined;
  const [x, dx, , y, , dy] = geoTransform;
  return rasterExtent({ geoTransform: [x + dx / 2, dx, 0, y + dy / 2, 0, dy], size: [width - 1, height - 1] });
}

/** A north-up grid of pixels, to which gdalwarp resamples files. */
export interface TargetGrid {
  extent: Extent;
  /** Width and height of a pixel. */
  resolution: [number, number];
  size: [number, number];
}

/**
 * The smallest grid that contains all rasters and has the pixels of the first raster, so that no value changes.
 * Undefined when a raster is rotated, or its pixels have another size or position.
 */
export function commonGrid(rasters: readonly Grid[]): TargetGrid | undefined {
  const first = rasters[0]?.geoTransform;
  const extents = rasters.map((raster) => (isAxisAligned(raster) ? rasterExtent(raster) : undefined));
  const [firstExtent] = extents;
  if (first === undefined || firstExtent === undefined || !extents.every((extent) => extent !== undefined))
    return undefined;
  const [dx, dy] = [Math.abs(first[1]), Math.abs(first[5])];
  const [left, , , top] = firstExtent;
  const tolerance = SAME_GRID_TOLERANCE / Math.max(...rasters.flatMap(({ size }) => size));
  const hasSamePixels = rasters.every(
    ({ geoTransform }) =>
      geoTransform !== undefined &&
      Math.abs(Math.abs(geoTransform[1]) / dx - 1) < tolerance &&
      Math.abs(Math.abs(geoTransform[5]) / dy - 1) < tolerance,
  );
  const isAligned = extents.every(([xmin, , , ymax]) => isWhole((xmin - left) / dx) && isWhole((top - ymax) / dy));
  if (!hasSamePixels || !isAligned) return undefined;

  const columnsBefore = Math.max(...extents.map(([xmin]) => Math.round((left - xmin) / dx)));
  const rowsBefore = Math.max(...extents.map(([, , , ymax]) => Math.round((ymax - top) / dy)));
  const columns = Math.max(...extents.map(([, , xmax]) => Math.round((xmax - left) / dx)));
  const rows = Math.max(...extents.map(([, ymin]) => Math.round((top - ymin) / dy)));
  return {
    extent: [left - columnsBefore * dx, top - rows * dy, left + columns * dx, top + rowsBefore * dy],
    resolution: [dx, dy],
    size: [columns + columnsBefore, rows + rowsBefore],
  };
}

function isWhole(value: number): boolean {
  return Math.abs(value - Math.round(value)) < SAME_GRID_TOLERANCE;
}
