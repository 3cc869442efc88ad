import { gridPoints } from '#shared/gdal/crs/extent-in-degrees.ts';
import type { GdalCommand } from '#shared/gdal/gdal.ts';
import type { CogSource } from './plan-cog.ts';

/** How large the grid becomes that gdalwarp chooses by itself. Pure. */

/** A place in the target CRS; undefined for a pixel that has none there. */
export type TargetPoint = readonly [number, number] | undefined;

/** A raster whose pixels are to be moved: its size, and the places of points all over it, from its first corner to the opposite one. */
export interface PlacedRaster {
  size: readonly [number, number];
  points: readonly TargetPoint[];
}

/** Asks for the places of points all over a raster. They come by the same transformation as gdalwarp's. */
export function targetPointsCommand(
  {
    name,
    info: {
      size: [width, height],
    },
    drivers,
    crs,
    crsOverrides,
  }: CogSource,
  folder: string,
  target: string,
  transformation: readonly string[],
): GdalCommand {
  const points = gridPoints((across, down) => [across * width, down * height]);
  return {
    command: 'gdaltransform',
    args: ['-output_xy', ...(crsOverrides ? ['-s_srs', crs] : []), '-t_srs', target, ...transformation, name],
    drivers: [...drivers],
    folder,
    input: points.map(([column, row]) => `${column} ${row}\n`).join(''),
  };
}

/** One place for each line of gdaltransform's output. */
export function parseTargetPoints(stdout: string): TargetPoint[] {
  return stdout
    .trim()
    .split('\n')
    .map((line) => {
      const [x = Number.NaN, y = Number.NaN] = line.trim().split(/\s+/).map(Number);
      return Number.isFinite(x) && Number.isFinite(y) ? [x, y] : undefined;
    });
}

/**
 * Columns and rows of the grid that holds all rasters in the smallest of their new pixels, as gdalwarp chooses it: the diagonal of a raster keeps its
 * number of pixels (GDALSuggestedWarpOutput). It may differ from GDAL's by a few percent. Undefined when no raster has a place in the target.
 */
export function warpedSize(rasters: readonly PlacedRaster[]): [number, number] | undefined {
  const grids = rasters.flatMap((raster) => gridOf(raster) ?? []);
  if (grids.length === 0) return undefined;
  const side = (axis: 0 | 1) =>
    Math.max(...grids.map(({ max }) => max[axis])) - Math.min(...grids.map(({ min }) => min[axis]));
  const pixel = Math.min(...grids.map((grid) => grid.pixel));
  return [Math.ceil(side(0) / pixel), Math.ceil(side(1) / pixel)];
}

interface Grid {
  min: [number, number];
  max: [number, number];
  /** Side of a pixel. */
  pixel: number;
}

function gridOf({ size: [width, height], points: places }: PlacedRaster): Grid | undefined {
  const placed = places.filter((place) => place !== undefined);
  const bound = (choose: typeof Math.min): [number, number] => [
    choose(...placed.map(([x]) => x)),
    choose(...placed.map(([, y]) => y)),
  ];
  const [min, max] = [bound(Math.min), bound(Math.max)];
  const [first, last] = [places[0], places.at(-1)];
  const across = first && last ? ([last[0] - first[0], last[1] - first[1]] as const) : undefined;
  // GDAL takes the diagonal of the bounds where a corner has no place, or both have the same column or row.
  const [dx, dy] =
    across !== undefined && across[0] !== 0 && across[1] !== 0 ? across : [max[0] - min[0], max[1] - min[1]];
  const pixel = Math.hypot(dx, dy) / Math.hypot(width, height);
  return placed.length === 0 || pixel === 0 ? undefined : { min, max, pixel };
}
