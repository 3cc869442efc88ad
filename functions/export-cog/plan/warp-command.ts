import type { GdalCommand } from '#shared/gdal/gdal.ts';
import { CREATION_OPTIONS, WARP_MEMORY_MB } from '../run-gdal.ts';
import type { PixelValue } from '../read/raster-info.ts';
import type { TargetGrid } from '../read/pixel-grid.ts';
import { type CogSource, environmentOf, openOptionsOf } from '../read/cog-source.ts';

/** Pure functions that return the gdalwarp command. */

export interface WarpOptions {
  target: string;
  /** gdalwarp chooses the grid when it is undefined. */
  grid: TargetGrid | undefined;
  resampling: string;
  fill: FillOption;
  /** metadata.raster.nodata, or the value that replaced those of the sources. */
  sourceNodata: PixelValue | undefined;
}

export function warpCommand(
  sources: readonly CogSource[],
  { target, grid, resampling, fill, sourceNodata }: WarpOptions,
  { folder, cores }: { folder: string; cores: number },
): GdalCommand {
  const output = `${folder}/warped.tif`;
  // OPTIMIZE_SIZE: blocks that are written twice would otherwise leave gaps in a compressed file.
  // UNIFIED_SRC_NODATA: with -srcnodata, gdalwarp would average nodata values where not all bands are nodata.
  const warpOptions = [`NUM_THREADS=${cores}`, 'OPTIMIZE_SIZE=TRUE', 'UNIFIED_SRC_NODATA=NO'];
  const creationOptions = [...CREATION_OPTIONS, `NUM_THREADS=${cores}`];
  return {
    command: 'gdalwarp',
    args: [
      ...['-q', '-of', 'GTiff', '-t_srs', target],
      ...(sources.some(({ crsOverrides }) => crsOverrides) ? ['-s_srs', sources[0]?.crs ?? ''] : []),
      ...transformation(sources),
      ...(grid === undefined ? [] : ['-te', ...grid.extent.map(String), '-tr', ...grid.resolution.map(String)]),
      ...['-r', resampling],
      ...(sourceNodata === undefined ? [] : ['-srcnodata', String(sourceNodata)]),
      ...(fill.flag === undefined ? [] : [fill.flag]),
      ...(fill.value === undefined ? [] : [String(fill.value)]),
      ...['-multi', '-wm', String(WARP_MEMORY_MB)],
      ...warpOptions.flatMap((option) => ['-wo', option]),
      ...creationOptions.flatMap((option) => ['-co', option]),
      ...openOptionsOf(sources),
      ...sources.map(({ name }) => name),
      output,
    ],
    drivers: [...new Set([...sources.flatMap(({ drivers }) => drivers), 'GTiff'])],
    ...environmentOf(sources),
    folder,
    output,
  };
}

/**
 * The option of gdalwarp and gdaltransform that selects the transformation: geotransform or control points. GDAL would
 * otherwise also use geolocation arrays and RPCs, which can name other files.
 */
export function transformation(sources: readonly CogSource[]): string[] {
  if (sources.every(({ info }) => info.geoTransform !== undefined)) return ['-to', 'SRC_METHOD=GEOTRANSFORM'];
  return sources.every(({ info }) => info.geoTransform === undefined) ? ['-to', 'SRC_METHOD=GCP_POLYNOMIAL'] : [];
}

/** The option of gdalwarp for pixels that no source covers. */
export interface FillOption {
  flag?: '-dstnodata' | '-dstalpha';
  value?: PixelValue;
}

/** Values that measured data does not contain. */
const UNUSED_VALUE: Record<string, PixelValue> = { Float32: 'nan', Float64: 'nan', Int16: -32768, Int32: -2147483648 };

/**
 * Chooses the fill: the nodata value of the manifest or the source; else NaN for floating-point data, the smallest
 * value for signed integers, and a mask for other types, where every value may be data.
 */
export function fillOption(sources: readonly CogSource[], declaredNodata: PixelValue | undefined): FillOption {
  const bands = sources[0]?.info.bands ?? [];
  const nodata = declaredNodata ?? bands.find((band) => band.noDataValue !== undefined)?.noDataValue;
  if (nodata !== undefined) return { flag: '-dstnodata', value: nodata };
  // For a source with an alpha band, gdalwarp writes an alpha band without an option.
  if (bands.some((band) => band.colorInterpretation === 'Alpha')) return {};
  const type = bands[0]?.type ?? '';
  const value = bands.every((band) => band.type === type) ? UNUSED_VALUE[type] : undefined;
  return value === undefined ? { flag: '-dstalpha' } : { flag: '-dstnodata', value };
}
