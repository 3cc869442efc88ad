import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type RasterContext, runGdalOn } from '../read/describe-raster.ts';
import { rasterPoints, uncompressedBytes } from './pixel-grid.ts';
import { type CogPlan, type CogSource, transformation } from './plan-cog.ts';
import { parseTargetPoints, targetPointsCommand, type TargetPoint, warpedSize } from './warped-size.ts';

/**
 * Refuses, before gdalwarp begins, a grid that would fill the disk: of small files that lie far apart, or of one whose place makes its new
 * pixels tiny. Throws FILE_TOO_LARGE.
 */
export async function checkWarpSize(
  sources: readonly (CogSource & { file: string })[],
  { warp }: Pick<CogPlan, 'warp'>,
  folder: string,
  surroundings: RasterContext,
): Promise<void> {
  if (warp === undefined) return;
  const size = warp.grid?.size ?? warpedSize(await placeAll(sources, folder, warp.target, surroundings));
  if (size === undefined) return; // Nowhere in the target: gdalwarp says why.
  const limit = surroundings.env.MAX_FILE_BYTES;
  const bytes = uncompressedBytes({ size, bands: sources[0]?.info.bands ?? [] });
  if (bytes <= limit) return;
  const [width, height] = size;
  const files = sources.map(({ file }) => file);
  const grid = `a grid of ${width} x ${height} pixels in ${warp.target.length > MAX_TOLD_CRS ? 'its CRS' : warp.target}`;
  const advice =
    files.length === 1
      ? `Check where its pixels lie, or ${TARGET_CRS}`
      : `Check where they lie, make several mosaics, or ${TARGET_CRS}`;
  throw new SluiceError(
    'FILE_TOO_LARGE',
    `${files.length === 1 ? files[0] : `The mosaic of ${files.length} files`} would become ${grid}, ${bytes} bytes; this installation converts ${limit} (MAX_FILE_BYTES). ${advice}`,
    {
      details: { files, width, height, bytes, limit, variable: 'MAX_FILE_BYTES' },
    },
  );
}

/** Characters of a CRS in a message: a code, not WKT. */
const MAX_TOLD_CRS = 20;
const TARGET_CRS = 'choose another metadata.raster.target_crs.';

async function placeAll(
  sources: readonly (CogSource & { file: string })[],
  folder: string,
  target: string,
  surroundings: RasterContext,
) {
  const placed: { size: [number, number]; points: TargetPoint[] }[] = [];
  for (const source of sources) {
    const stays = source.crs === target && source.info.geoTransform !== undefined;
    placed.push({ size: source.info.size, points: stays ? rasterPoints(source.info) : await ask(source) });
  }
  return placed;

  async function ask(source: CogSource & { file: string }): Promise<TargetPoint[]> {
    const { stdout } = await runGdalOn(
      source.file,
      targetPointsCommand(source, folder, target, transformation([source])),
      surroundings,
    );
    return parseTargetPoints(stdout);
  }
}
