import type { z } from 'zod';
import type { GdalCommand } from '#shared/gdal/gdal.ts';
import type { RasterParametersSchema } from '#shared/manifest/manifest.ts';
import { BLOCK_SIZE } from '../check/check-cog-layout.ts';
import { commonGrid, isNorthUp, type TargetGrid } from './pixel-grid.ts';
import type { PixelValue, RasterInfo } from '../read/raster-info.ts';

/** The GDAL commands that make a Cloud Optimized GeoTIFF. Pure. */

export type RasterParameters = z.infer<typeof RasterParametersSchema>;

/** One raster as the plan sees it. */
export interface CogSource {
  /** What GDAL opens: a local file, or an image of one. */
  name: string;
  info: RasterInfo;
  drivers: readonly string[];
  /** Its CRS as GDAL takes it: a code or WKT. The same text means the same CRS. */
  crs: string;
  /** True when GDAL must be told `crs`, because the file says none or another one. */
  crsOverrides: boolean;
}

/** What is done, as the asset records it. Defaults are filled in. */
export interface CogSettings {
  driver: 'COG';
  compression: string;
  predictor: 'YES' | 'NO';
  block_size: number;
  overview_resampling: string;
  categorical: boolean;
  mosaic: boolean;
  nodata?: PixelValue;
  /** Only where pixels move. */
  target_crs?: string;
  resampling?: string;
}

export interface CogPlan {
  /** Run in this order; the last one writes the output. */
  commands: GdalCommand[];
  /** Where pixels are moved to. Without a grid, gdalwarp chooses one. */
  warp?: { target: string; grid: TargetGrid | undefined };
  settings: CogSettings;
  steps: ('AssignCrs' | 'Warp' | 'TranslateToCog')[];
}

export interface CogPaths {
  /** Holds the sources and the output. */
  folder: string;
  output: string;
  /** Threads that compress and warp; they change nothing in the file. */
  cores: number;
}

/** Memory in which gdalwarp holds a part of source and target, in MB: parts of a large image of 500 Mpx are then some dozens. */
const WARP_MEMORY_MB = 256;

/**
 * Plans the asset of one raster, or a mosaic of several, the later ones on top. gdal_translate copies pixels as they are. gdalwarp comes
 * before it only where pixels must move: another CRS, a rotated or upside-down grid, control points, or several files; it writes a plain
 * GeoTIFF, since to write a COG it would need the VRT driver, which is never allowed. `target` is given when the CRS really changes.
 */
export function planCog(
  sources: readonly CogSource[],
  parameters: RasterParameters,
  target: string | undefined,
  files: CogPaths,
): CogPlan {
  const [only] = sources;
  const categorical = isCategorical(sources, parameters);
  const treatment = treatmentOf(sources, parameters, categorical);
  if (only !== undefined && sources.length === 1 && target === undefined && isNorthUp(only.info)) {
    const assign = only.crsOverrides ? ['-a_srs', only.crs] : [];
    const command = toCog(
      only.name,
      [...assign, ...nodata('-a_nodata', parameters.nodata)],
      [...only.drivers],
      treatment,
      files,
    );
    return { commands: [command], settings: treatment, steps: ['TranslateToCog'] };
  }
  const { assigned, commands } = assignCrs(sources, files);
  const grid = target === undefined && oneCrs(sources) ? commonGrid(sources.map(({ info }) => info)) : undefined;
  const resampling = parameters.resampling ?? (categorical || grid !== undefined ? 'nearest' : 'bilinear');
  const empty = sources.length === 1 && grid !== undefined ? {} : emptyPixels(sources, parameters);
  const targetCrs = target ?? only?.crs ?? '';
  const warped = warp(assigned, { target: targetCrs, grid, resampling, empty, parameters }, files);
  const bands = only?.info.bands.length ?? 0;
  // What was not covered becomes a mask inside the file: the bands stay those of the source.
  const mask =
    empty.flag === '-dstalpha'
      ? [...Array.from({ length: bands }, (_, index) => ['-b', String(index + 1)]).flat(), '-mask', String(bands + 1)]
      : [];
  return {
    commands: [...commands, warped, toCog(warped.output ?? '', mask, ['GTiff'], treatment, files)],
    warp: { target: targetCrs, grid },
    settings: {
      ...treatment,
      target_crs: targetCrs,
      resampling,
      ...(empty.value === undefined ? {} : { nodata: empty.value }),
    },
    steps: [...(commands.length > 0 ? (['AssignCrs'] as const) : []), 'Warp', 'TranslateToCog'],
  };
}

/** Classes, where a mean makes no sense: declared, or a palette. */
export function isCategorical(sources: readonly Pick<CogSource, 'info'>[], parameters: RasterParameters): boolean {
  return (
    parameters.categorical ??
    sources.some(({ info }) => info.bands.some((band) => band.colorInterpretation === 'Palette'))
  );
}

/** gdalwarp takes one -s_srs for all files. Files that need different ones are copied first, with theirs. */
function assignCrs(
  sources: readonly CogSource[],
  { folder }: CogPaths,
): { assigned: CogSource[]; commands: GdalCommand[] } {
  if (oneCrs(sources)) return { assigned: [...sources], commands: [] };
  const commands: GdalCommand[] = [];
  const assigned = sources.map((source, index): CogSource => {
    if (!source.crsOverrides) return source;
    const output = `${folder}/assigned-${index}.tif`;
    commands.push({
      command: 'gdal_translate',
      args: ['-q', '-of', 'GTiff', '-co', 'BIGTIFF=IF_SAFER', '-a_srs', source.crs, source.name, output],
      drivers: [...source.drivers, 'GTiff'],
      folder,
      output,
    });
    return { ...source, name: output, drivers: ['GTiff'], crsOverrides: false };
  });
  return { assigned, commands };
}

function oneCrs(sources: readonly CogSource[]): boolean {
  return sources.every(({ crs }) => crs === sources[0]?.crs);
}

interface Warping {
  target: string;
  grid: TargetGrid | undefined;
  resampling: string;
  empty: EmptyPixels;
  parameters: RasterParameters;
}

function warp(
  sources: readonly CogSource[],
  { target, grid, resampling, empty, parameters }: Warping,
  { folder, cores }: CogPaths,
): GdalCommand {
  const output = `${folder}/warped.tif`;
  const place = grid === undefined ? [] : ['-te', ...grid.extent.map(String), '-tr', ...grid.resolution.map(String)];
  return {
    command: 'gdalwarp',
    args: [
      '-q',
      '-of',
      'GTiff',
      '-t_srs',
      target,
      ...(sources.some(({ crsOverrides }) => crsOverrides) ? ['-s_srs', sources[0]?.crs ?? ''] : []),
      // Never by a geolocation array or RPCs, which may name other files.
      ...transformation(sources),
      ...place,
      '-r',
      resampling,
      ...nodata('-srcnodata', parameters.nodata),
      ...(empty.flag === undefined ? [] : [empty.flag]),
      ...(empty.value === undefined ? [] : [String(empty.value)]),
      '-multi',
      '-wm',
      String(WARP_MEMORY_MB),
      '-wo',
      `NUM_THREADS=${cores}`,
      // Blocks that are written twice would otherwise leave holes in a compressed file.
      '-wo',
      'OPTIMIZE_SIZE=TRUE',
      // LZW: the quickest that every GDAL has; the file lives for seconds.
      '-co',
      'TILED=YES',
      '-co',
      'COMPRESS=LZW',
      '-co',
      'BIGTIFF=YES',
      '-co',
      `NUM_THREADS=${cores}`,
      ...sources.map(({ name }) => name),
      output,
    ],
    drivers: [...new Set([...sources.flatMap(({ drivers }) => drivers), 'GTiff'])],
    folder,
    output,
  };
}

/** How gdalwarp and gdaltransform place the pixels of these sources: an option of both. */
export function transformation(sources: readonly CogSource[]): string[] {
  if (sources.every(({ info }) => info.geoTransform !== undefined)) return ['-to', 'SRC_METHOD=GEOTRANSFORM'];
  return sources.every(({ info }) => info.geoTransform === undefined) ? ['-to', 'SRC_METHOD=GCP_POLYNOMIAL'] : [];
}

interface EmptyPixels {
  flag?: '-dstnodata' | '-dstalpha';
  value?: PixelValue;
}

/** The smallest value means nothing in measured data of these types; NaN is made for it. */
const EMPTY_VALUE: Record<string, PixelValue> = { Float32: 'nan', Float64: 'nan', Int16: -32768, Int32: -2147483648 };

/**
 * What stands where no source pixel falls. A nodata value of the source is kept; without one, floating-point data gets NaN, signed
 * integers their smallest value, and unsigned ones, where every value may be data, a mask. A single file that is only turned around has no empty pixels.
 */
function emptyPixels(sources: readonly CogSource[], parameters: RasterParameters): EmptyPixels {
  const bands = sources[0]?.info.bands ?? [];
  const value = parameters.nodata ?? bands.find((band) => band.noDataValue !== undefined)?.noDataValue;
  if (value !== undefined) return { flag: '-dstnodata', value };
  // gdalwarp makes an alpha band of an alpha band by itself.
  if (bands.some((band) => band.colorInterpretation === 'Alpha')) return {};
  const empty = bands.every(({ type }) => type === bands[0]?.type) ? EMPTY_VALUE[bands[0]?.type ?? ''] : undefined;
  return empty === undefined ? { flag: '-dstalpha' } : { flag: '-dstnodata', value: empty };
}

function nodata(flag: string, value: number | undefined): string[] {
  return value === undefined ? [] : [flag, String(value)];
}

function treatmentOf(sources: readonly CogSource[], parameters: RasterParameters, categorical: boolean): CogSettings {
  const complex = sources.some(({ info }) => info.bands.some((band) => band.type.startsWith('C')));
  const value = parameters.nodata ?? sources[0]?.info.bands[0]?.noDataValue;
  return {
    driver: 'COG',
    compression: parameters.compression ?? 'deflate',
    // Differences of neighbors compress better for measured values; classes don't gain, and complex numbers have no predictor.
    predictor: categorical || complex ? 'NO' : 'YES',
    block_size: BLOCK_SIZE,
    overview_resampling: parameters.resampling ?? (categorical ? 'nearest' : 'average'),
    categorical,
    mosaic: parameters.mosaic,
    ...(value === undefined ? {} : { nodata: value }),
  };
}

function toCog(
  input: string,
  args: string[],
  drivers: string[],
  { compression, predictor, overview_resampling }: CogSettings,
  { output, folder, cores }: CogPaths,
): GdalCommand {
  const options = [
    `COMPRESS=${compression.toUpperCase()}`,
    `PREDICTOR=${predictor}`,
    `BLOCKSIZE=${BLOCK_SIZE}`,
    // A file that could pass 4 GiB when the compression is poor is written as BigTIFF from the start.
    'BIGTIFF=IF_SAFER',
    // Overviews of the source may be made by another rule.
    'OVERVIEWS=IGNORE_EXISTING',
    `OVERVIEW_RESAMPLING=${overview_resampling.toUpperCase()}`,
    `NUM_THREADS=${cores}`,
  ];
  return {
    command: 'gdal_translate',
    args: ['-q', '-of', 'COG', ...args, ...options.flatMap((option) => ['-co', option]), input, output],
    drivers: [...new Set([...drivers, 'GTiff', 'COG'])],
    folder,
    output,
  };
}
