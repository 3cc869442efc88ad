import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Extent, gridOfExtent, type Point } from '#shared/contracts/extent.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { transformToDegrees } from '#shared/gdal/crs/check-extent.ts';
import { type Crs, crsLabel, isSameCrs, parseCrs } from '#shared/gdal/crs/crs.ts';
import { isNorthUp } from '../read/pixel-grid.ts';
import { BLOCK_SIZE, type CogPlan } from '../plan/plan-cog.ts';
import type { DescribedRaster } from '../read/describe-raster.ts';
import { infoCommand, parseRasterInfo, type RasterInfo } from '../read/raster-info.ts';
import { type RasterContext, runGdalOn } from '../run-gdal.ts';
import { readTiffDirectories, type TiffDirectory } from '../read/tiff-directories.ts';

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
  const [info, directories] = await Promise.all([
    readInfo(path, file, context),
    readLayout(path, plan.settings.block_size, file),
  ]);
  checkBands(rasters, info, plan, file);
  checkNodata(info, plan, file);
  return { info, directories };
}

async function readInfo(path: string, file: string, context: RasterContext): Promise<RasterInfo> {
  // Standard error is ignored: gdalinfo reports an error for a band without data, which has no statistics.
  const command = infoCommand(path, dirname(path), { drivers: ['GTiff'] }, { statistics: true });
  return parseRasterInfo((await runGdalOn(file, command, context)).stdout, file);
}

async function readLayout(path: string, blockSize: number, file: string): Promise<TiffDirectory[]> {
  await using handle = await open(path);
  const directories = await readTiffDirectories(handle);
  const problems = directories === undefined ? ['it is not a TIFF'] : checkCogLayout(directories, blockSize);
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

/** GDAL moves a nodata value into the range of the type, where it can be data. */
function checkNodata({ bands }: RasterInfo, { settings: { nodata } }: CogPlan, file: string): void {
  const type = bands[0]?.type;
  const expected = typeof nodata === 'number' && type === 'Float32' ? Math.fround(nodata) : nodata;
  const wrong = bands.find(({ noDataValue }) => noDataValue !== expected);
  if (wrong === undefined) return;
  throw new SluiceError(
    'OUTPUT_INVALID',
    `GDAL's output for ${file} has the nodata value ${wrong.noDataValue ?? 'none'} instead of ${expected ?? 'none'}.`,
    { details: { file } },
  );
}

function bandTypes(info: RasterInfo | undefined): string {
  return (info?.bands ?? []).map(({ type }) => type).join(', ');
}

function sizeOf(info: RasterInfo | undefined): string | undefined {
  return info?.size.join(' x ');
}

/**
 * Checks the rules of Cloud Optimized GeoTIFF (OGC 21-026) about the layout of the file: tiles, overviews down to one
 * block, directories in order and before the data, data of small overviews before the data of larger ones. Returns a
 * description of each violation.
 */
export function checkCogLayout(directories: TiffDirectory[], blockSize = BLOCK_SIZE): string[] {
  const images = directories.filter((directory) => !directory.mask);
  const [full, ...overviews] = images;
  if (full === undefined) return ['it contains no image'];
  return [
    ...checkTiles(directories, blockSize),
    ...checkOverviews(full, overviews, blockSize),
    ...checkDirectoryOrder(directories),
    ...checkDataOrder(images),
  ];
}

function checkTiles(directories: TiffDirectory[], blockSize: number): string[] {
  return directories
    .filter((directory) => directory.tileWidth !== blockSize || directory.tileHeight !== blockSize)
    .map((directory) => `the image of ${directory.width} x ${directory.height} is not in tiles of ${blockSize}`);
}

function checkOverviews(full: TiffDirectory, overviews: TiffDirectory[], blockSize: number): string[] {
  const problems: string[] = [];
  if (full.reducedResolution) problems.push('the first directory is not the full image');
  let previous = full;
  for (const overview of overviews) {
    if (!overview.reducedResolution)
      problems.push(`the image of ${overview.width} x ${overview.height} is not marked as an overview`);
    if (overview.width > previous.width || overview.height > previous.height)
      problems.push('overviews are not ordered from large to small');
    previous = overview;
  }
  if (previous.width > blockSize || previous.height > blockSize) {
    const size = `${previous.width} x ${previous.height}`;
    problems.push(`the smallest image, ${size}, is larger than one block: overviews are missing`);
  }
  return problems;
}

/** A reader gets the layout of the file with one request, because all directories are before all data. */
function checkDirectoryOrder(directories: TiffDirectory[]): string[] {
  const problems: string[] = [];
  if (directories.some((directory, index) => index > 0 && directory.offset < (directories[index - 1]?.offset ?? 0)))
    problems.push('directories are not in order');
  const endOfDirectories = Math.max(...directories.map((directory) => directory.end));
  const startOfData = Math.min(...directories.map((directory) => directory.firstBlock ?? Infinity));
  if (startOfData < endOfDirectories) problems.push('data precedes the last directory');
  return problems;
}

function checkDataOrder(images: TiffDirectory[]): string[] {
  const withData = images.filter((image) => image.firstBlock !== undefined);
  const isUnordered = withData.some(
    (image, index) => index > 0 && (image.lastBlock ?? 0) > (withData[index - 1]?.firstBlock ?? Infinity),
  );
  return isUnordered ? ['data of an overview follows the data of a larger image'] : [];
}

/** About 1 cm. Both systems are transformed with the same library, so equal ones differ by rounding only. */
const TOLERANCE_DEGREES = 1e-7;

/**
 * Checks that positions in the written file are those in its CRS. GDAL writes no CRS, or a different one, for systems
 * that a GeoTIFF has no keys for, such as the Equal Earth projection, or a rotated pole. Throws CRS_NOT_IN_GEOTIFF.
 */
export async function checkWrittenCrs(
  { coordinateSystem }: Pick<RasterInfo, 'coordinateSystem'>,
  crs: Crs,
  native: Extent,
  file: string,
  context: RasterContext,
): Promise<void> {
  if (coordinateSystem === undefined || coordinateSystem.wkt === '') throw notInGeoTiff(crs, file);
  const written = parseCrs(coordinateSystem.wkt);
  if (written.authority !== undefined && isSameCrs(written, crs)) return;
  const points = gridOfExtent(native);
  const [expected, found] = await Promise.all(
    [crs, written].map((each) => transformToDegrees(points, each, context.gdal, context.signal)),
  );
  const isEqual = expected?.every((point, index) => areClose(point, found?.[index]));
  if (isEqual !== true) throw notInGeoTiff(crs, file);
}

/**
 * A point that only one of the two CRSs can represent is at the edge of the projection, so it is not compared.
 */
function areClose(a: Point | undefined, b: Point | undefined): boolean {
  if (a === undefined || b === undefined) return true;
  const longitudes = (b[0] - a[0] - 360 * Math.round((b[0] - a[0]) / 360)) * Math.cos((a[1] * Math.PI) / 180);
  return Math.hypot(longitudes, b[1] - a[1]) < TOLERANCE_DEGREES;
}

function notInGeoTiff(crs: Crs, file: string): SluiceError {
  const label = crsLabel(crs);
  return new SluiceError(
    'CRS_NOT_IN_GEOTIFF',
    `The output of ${file} requires the CRS ${label}, which GeoTIFF cannot store.`,
    { details: { file, crs: label } },
  );
}
