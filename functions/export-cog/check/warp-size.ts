import { SluiceError } from '#shared/errors/sluice-error.ts';
import { parseTransformedPoints } from '#shared/gdal/crs/check-extent.ts';
import type { CogPlan } from '../plan/plan-cog.ts';
import { transformation } from '../plan/warp-command.ts';
import { type PlacedRaster, targetPointsCommand, warpedSize } from '../plan/warped-size.ts';
import type { CogSource } from '../read/cog-source.ts';
import { rasterPoints, uncompressedBytes } from '../read/pixel-grid.ts';
import { type RasterContext, runGdalOn } from '../run-gdal.ts';

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
  return parseTransformedPoints((await runGdalOn(source.file, command, context)).stdout);
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
