import { type Extent, extentOfPoints, gridPoints, type Point } from '#shared/contracts/extent.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { GdalCommand } from '#shared/gdal/gdal.ts';
import { type RasterContext, runGdalOn } from '../read/run-gdal.ts';
import { rasterPoints, uncompressedBytes } from './pixel-grid.ts';
import type { CogPlan } from './plan-cog.ts';
import { transformation } from './warp-command.ts';
import type { CogSource } from './plan-assets.ts';

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

/** The points in the output of gdaltransform, one per line. */
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

/** Characters up to which an error message shows the target CRS: a code, but not WKT. */
const MAX_SHOWN_CRS = 20;

/**
 * Checks the size of the new grid before gdalwarp starts. Small files that are far apart, or a raster near a pole, can
 * become a grid that fills the disk. Throws FILE_TOO_LARGE.
 */
export async function checkWarpSize(
  sources: readonly CogSource[],
  { warp }: Pick<CogPlan, 'warp'>,
  folder: string,
  context: RasterContext,
): Promise<void> {
  if (warp === undefined) return;
  const size = warp.grid?.size ?? warpedSize(await placeRasters(sources, folder, warp.target, context));
  if (size === undefined) return; // No point is in the target CRS. gdalwarp reports the reason.
  const limit = context.env.MAX_FILE_BYTES;
  const bytes = uncompressedBytes({ size, bands: sources[0]?.info.bands ?? [] });
  if (bytes <= limit) return;
  throw tooLarge(
    sources.map(({ file }) => file),
    warp.target,
    { size, bytes, limit },
  );
}

async function placeRasters(
  sources: readonly CogSource[],
  folder: string,
  target: string,
  context: RasterContext,
): Promise<PlacedRaster[]> {
  const placed: PlacedRaster[] = [];
  for (const source of sources) {
    const isInTargetCrs = source.crs === target && source.info.geoTransform !== undefined;
    const points = isInTargetCrs ? rasterPoints(source.info) : await transformPoints(source, folder, target, context);
    placed.push({ size: source.info.size, points });
  }
  return placed;
}

async function transformPoints(source: CogSource, folder: string, target: string, context: RasterContext) {
  const command = targetPointsCommand(source, folder, target, transformation([source]));
  return parseTargetPoints((await runGdalOn(source.file, command, context)).stdout);
}

function tooLarge(
  files: string[],
  target: string,
  { size: [width, height], bytes, limit }: { size: [number, number]; bytes: number; limit: number },
): SluiceError {
  const isMosaic = files.length > 1;
  const subject = isMosaic ? `The mosaic of ${files.length} files` : files[0];
  const crs = target.length > MAX_SHOWN_CRS ? 'its CRS' : target;
  const advice = isMosaic
    ? 'Check the positions of the files, make several mosaics, or'
    : 'Check the position of the file, or';
  return new SluiceError(
    'FILE_TOO_LARGE',
    `${subject} would have ${width} x ${height} pixels in ${crs}, ${bytes} bytes. ` +
      `The limit is ${limit} (MAX_FILE_BYTES). ${advice} choose another metadata.raster.target_crs.`,
    { details: { files, width, height, bytes, limit, variable: 'MAX_FILE_BYTES' } },
  );
}
