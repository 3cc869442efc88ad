import { type Extent, extentOfPoints, gridPoints, type Point } from '#shared/contracts/extent.ts';
import type { GdalCommand } from '#shared/gdal/gdal.ts';
import type { CogSource } from '../read/cog-source.ts';

/** Estimates the size of the grid that gdalwarp chooses. Pure. */

/** A point in the target CRS; undefined for a point that cannot be transformed. */
export type TargetPoint = Point | undefined;

/** A raster in the target CRS. */
export interface PlacedRaster {
  size: readonly [number, number];
  /** A grid of points over the raster, from its first corner to the opposite one. */
  points: readonly TargetPoint[];
}

/** Transforms a grid of points over a raster with the transformation of gdalwarp. */
export function targetPointsCommand(
  { name, info, drivers, crs, crsOverrides }: CogSource,
  folder: string,
  target: string,
  transformation: readonly string[],
): GdalCommand {
  const [width, height] = info.size;
  const points = gridPoints((across, down) => [across * width, down * height]);
  return {
    command: 'gdaltransform',
    args: ['-output_xy', ...(crsOverrides ? ['-s_srs', crs] : []), '-t_srs', target, ...transformation, name],
    drivers: [...drivers],
    folder,
    input: points.map(([column, row]) => `${column} ${row}\n`).join(''),
  };
}

/**
 * Columns and rows of the grid that contains all rasters with the smallest of their new pixels. As in gdalwarp, the
 * diagonal of a raster keeps its number of pixels (GDALSuggestedWarpOutput). The result may differ from GDAL's by a few
 * percent. Undefined when no raster has a point in the target CRS.
 */
export function warpedSize(rasters: readonly PlacedRaster[]): [number, number] | undefined {
  const grids = rasters.flatMap((raster) => warpedGrid(raster) ?? []);
  if (grids.length === 0) return undefined;
  const pixel = Math.min(...grids.map((grid) => grid.pixel));
  const width = Math.max(...grids.map(({ extent }) => extent[2])) - Math.min(...grids.map(({ extent }) => extent[0]));
  const height = Math.max(...grids.map(({ extent }) => extent[3])) - Math.min(...grids.map(({ extent }) => extent[1]));
  return [Math.ceil(width / pixel), Math.ceil(height / pixel)];
}

/** The extent of one raster, and the side of its new pixels. */
function warpedGrid({ size: [width, height], points }: PlacedRaster): { extent: Extent; pixel: number } | undefined {
  const extent = extentOfPoints(points.filter((point) => point !== undefined));
  if (extent === undefined) return undefined;
  const [first, last] = [points[0], points.at(-1)];
  const diagonal = first && last ? ([last[0] - first[0], last[1] - first[1]] as const) : undefined;
  // GDAL uses the diagonal of the extent when a corner has no point, or both have the same column or row.
  const [dx, dy] =
    diagonal !== undefined && diagonal[0] !== 0 && diagonal[1] !== 0
      ? diagonal
      : [extent[2] - extent[0], extent[3] - extent[1]];
  const pixel = Math.hypot(dx, dy) / Math.hypot(width, height);
  return pixel === 0 ? undefined : { extent, pixel };
}
