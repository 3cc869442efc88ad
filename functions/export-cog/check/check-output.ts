import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { isNorthUp } from '../plan/pixel-grid.ts';
import type { CogPlan } from '../plan/plan-cog.ts';
import type { DescribedRaster } from '../read/describe-raster.ts';
import { infoCommand, parseRasterInfo, type RasterInfo } from '../read/raster-info.ts';
import { type RasterContext, runGdalOn } from '../read/run-gdal.ts';
import { checkCogLayout } from './check-cog-layout.ts';
import { readTiffDirectories, type TiffDirectory } from './tiff-directories.ts';

/**
 * Reads the written file again: its layout without GDAL, its bands, size and statistics with gdalinfo. `file` names the
 * sources in messages. Throws OUTPUT_INVALID.
 */
export async function checkOutput(
  path: string,
  rasters: readonly DescribedRaster[],
  plan: CogPlan,
  file: string,
  context: RasterContext,
): Promise<{ info: RasterInfo; directories: TiffDirectory[] }> {
  const [info, directories] = await Promise.all([readInfo(path, file, context), readLayout(path, file)]);
  checkBands(rasters, info, plan, file);
  return { info, directories };
}

async function readInfo(path: string, file: string, context: RasterContext): Promise<RasterInfo> {
  // Standard error is ignored: gdalinfo reports an error for a band without data, which has no statistics.
  const command = infoCommand(path, dirname(path), ['GTiff'], { statistics: true });
  return parseRasterInfo((await runGdalOn(file, command, context)).stdout, file);
}

async function readLayout(path: string, file: string): Promise<TiffDirectory[]> {
  await using handle = await open(path);
  const directories = await readTiffDirectories(handle);
  const problems = directories === undefined ? ['it is not a TIFF'] : checkCogLayout(directories);
  if (directories !== undefined && problems.length === 0) return directories;
  throw new SluiceError(
    'OUTPUT_INVALID',
    `GDAL's output for ${file} is not a valid Cloud Optimized GeoTIFF: ${problems.join('; ')}.`,
    { details: { file, problems } },
  );
}

function checkBands(rasters: readonly DescribedRaster[], written: RasterInfo, plan: CogPlan, file: string): void {
  const source = rasters[0]?.info;
  const hasSameSize = plan.warp !== undefined || sizeOf(source) === sizeOf(written);
  if (bandTypes(source) === bandTypes(written) && hasSameSize && isNorthUp(written)) return;
  throw new SluiceError(
    'OUTPUT_INVALID',
    `GDAL's output for ${file} has ${sizeOf(written)} pixels in bands of ${bandTypes(written)}; ` +
      `the source has ${sizeOf(source)} pixels in bands of ${bandTypes(source)}.`,
    { details: { file } },
  );
}

function bandTypes(info: RasterInfo | undefined): string {
  return (info?.bands ?? []).map(({ type }) => type).join(', ');
}

function sizeOf(info: RasterInfo | undefined): string | undefined {
  return info?.size.join(' x ');
}
