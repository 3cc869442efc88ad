import type { GdalCommand } from '#shared/gdal/gdal.ts';
import { type CogSource, environmentOf, openOptionsOf, haveOneCrs } from '../read/cog-source.ts';
import { isSignedByte, metadataItem, type PixelValue, type RasterInfo } from '../read/raster-info.ts';
import { commonGrid, isNorthUp, type TargetGrid, uncompressedBytes } from '../read/pixel-grid.ts';
import type { CogParameters } from '../read/raster-parameters.ts';
import { fillOption, warpCommand } from './warp-command.ts';

/** Plans the GDAL commands that create a Cloud Optimized GeoTIFF. Pure. */

/** Block sizes of assets, in pixels. The largest one that the bands allow is used. */
export const BLOCK_SIZE = 512;
const SMALLEST_BLOCK_SIZE = 128;
/** A block contains all bands, and a reader decodes it as a whole. 181 bands of doubles have 360 MiB in 512 x 512. */
const MAX_BLOCK_BYTES = 64 * 2 ** 20;

function blockSize(bands: RasterInfo['bands']): number {
  let size = BLOCK_SIZE;
  while (size > SMALLEST_BLOCK_SIZE && uncompressedBytes({ size: [size, size], bands }) > MAX_BLOCK_BYTES) size /= 2;
  return size;
}

/** The options of the conversion with their defaults, as the asset records them. */
export interface CogSettings {
  driver: 'COG';
  compression: string;
  predictor: 'YES' | 'NO';
  block_size: number;
  overview_resampling: string;
  categorical: boolean;
  mosaic: boolean;
  nodata?: PixelValue;
  /** Set only when the raster is warped. */
  target_crs?: string;
  /** Set only when the raster is warped. */
  resampling?: string;
}

export interface CogPlan {
  /** The commands in the order of execution. The last one writes the output. */
  commands: GdalCommand[];
  /** Set when the raster is warped. Without `grid`, gdalwarp chooses the grid. */
  warp?: { target: string; grid: TargetGrid | undefined };
  settings: CogSettings;
  steps: ('AssignCrs' | 'Warp' | 'TranslateToCog')[];
}

export interface CogPaths {
  /** Contains the sources and the output. */
  folder: string;
  output: string;
  /** Threads of GDAL. The output does not depend on them. */
  cores: number;
}

/**
 * Plans the asset of one raster, or a mosaic of several with later files on top. `target` is set only if the CRS
 * changes.
 *
 * gdal_translate copies the pixels without a change. gdalwarp runs before it only for another CRS, a rotated or
 * upside-down grid, control points, or several files. gdalwarp writes a plain GeoTIFF, because it would need the VRT
 * driver to write a COG, and the sandbox disables that driver.
 */
export function planCog(
  sources: readonly CogSource[],
  parameters: CogParameters,
  target: string | undefined,
  paths: CogPaths,
): CogPlan {
  const [only] = sources;
  const settings = cogSettings(sources, parameters);
  if (only !== undefined && sources.length === 1 && target === undefined && isNorthUp(only.info)) {
    const assign = only.crsOverrides ? ['-a_srs', only.crs] : [];
    const nodata = parameters.nodata === undefined ? [] : ['-a_nodata', String(parameters.nodata)];
    const command = toCogCommand(only, [...assign, ...nodata], settings, paths);
    return { commands: [command], settings, steps: ['TranslateToCog'] };
  }
  return planWarp(sources, parameters, target, settings, paths);
}

function planWarp(
  sources: readonly CogSource[],
  parameters: CogParameters,
  target: string | undefined,
  settings: CogSettings,
  paths: CogPaths,
): CogPlan {
  const [first] = sources;
  const { assigned, commands } = assignCrs(sources, paths);
  const grid = target === undefined && haveOneCrs(sources) ? commonGrid(sources.map(({ info }) => info)) : undefined;
  const resampling = parameters.resampling ?? (settings.categorical || grid !== undefined ? 'nearest' : 'bilinear');
  // A single raster that is only turned around fills its grid.
  const fill = sources.length === 1 && grid !== undefined ? {} : fillOption(sources, parameters.nodata);
  const targetCrs = target ?? first?.crs ?? '';
  const warp = warpCommand(
    assigned,
    { target: targetCrs, grid, resampling, fill, sourceNodata: parameters.nodata },
    paths,
  );
  const mask = fill.flag === '-dstalpha' ? alphaToMask(first?.info.bands.length ?? 0) : [];
  return {
    commands: [...commands, warp, toCogCommand({ name: warp.output ?? '', drivers: ['GTiff'] }, mask, settings, paths)],
    warp: { target: targetCrs, grid },
    settings: {
      ...settings,
      target_crs: targetCrs,
      resampling,
      ...(fill.value === undefined ? {} : { nodata: fill.value }),
    },
    steps: [...(commands.length > 0 ? (['AssignCrs'] as const) : []), 'Warp', 'TranslateToCog'],
  };
}

/** gdalwarp has one -s_srs for all files. If files need different ones, each is copied with its CRS first. */
function assignCrs(
  sources: readonly CogSource[],
  { folder }: CogPaths,
): { assigned: CogSource[]; commands: GdalCommand[] } {
  if (haveOneCrs(sources)) return { assigned: [...sources], commands: [] };
  const commands: GdalCommand[] = [];
  const assigned = sources.map((source, index): CogSource => {
    if (!source.crsOverrides) return source;
    const output = `${folder}/assigned-${index}.tif`;
    commands.push({
      command: 'gdal_translate',
      args: [
        '-q',
        '-of',
        'GTiff',
        '-co',
        'BIGTIFF=IF_SAFER',
        '-a_srs',
        source.crs,
        ...openOptionsOf([source]),
        source.name,
        output,
      ],
      drivers: [...source.drivers, 'GTiff'],
      ...environmentOf([source]),
      folder,
      output,
    });
    return { ...source, name: output, drivers: ['GTiff'], openOptions: [], crsOverrides: false };
  });
  return { assigned, commands };
}

/**
 * Options of gdal_translate that write the last band, alpha, as a mask, so that the asset has the bands of the source.
 */
function alphaToMask(bands: number): string[] {
  const keptBands = Array.from({ length: bands }, (_, index) => ['-b', String(index + 1)]);
  return [...keptBands.flat(), '-mask', String(bands + 1)];
}

/** True if the values are classes, whose mean has no meaning: declared, or with a palette. */
export function isCategorical(sources: readonly Pick<CogSource, 'info'>[], parameters: CogParameters): boolean {
  return (
    parameters.categorical ??
    sources.some(({ info }) => info.bands.some((band) => band.colorInterpretation === 'Palette'))
  );
}

/** Bits per sample that a predictor can encode. A band can have fewer bits than its type. */
const PREDICTOR_BITS = new Set(['8', '16', '32', '64']);

/** A predictor improves the compression of measured values, but not of classes. It cannot encode complex numbers. */
function usesPredictor(sources: readonly CogSource[], categorical: boolean): boolean {
  const bands = sources.flatMap(({ info }) => info.bands);
  return (
    !categorical &&
    bands.every(
      (band) => !band.type.startsWith('C') && PREDICTOR_BITS.has(metadataItem(band, 'NBITS', 'IMAGE_STRUCTURE') ?? '8'),
    )
  );
}

function cogSettings(sources: readonly CogSource[], parameters: CogParameters): CogSettings {
  const categorical = isCategorical(sources, parameters);
  const signed = sources.some(({ info }) => info.bands.some(isSignedByte));
  const nodata = parameters.nodata ?? sources[0]?.info.bands[0]?.noDataValue;
  return {
    driver: 'COG',
    compression: parameters.compression ?? 'deflate',
    predictor: usesPredictor(sources, categorical) ? 'YES' : 'NO',
    block_size: blockSize(sources[0]?.info.bands ?? []),
    // GDAL would average signed bytes as unsigned ones.
    overview_resampling: signed ? 'nearest' : (parameters.resampling ?? (categorical ? 'nearest' : 'average')),
    categorical,
    mosaic: parameters.mosaic,
    ...(nodata === undefined ? {} : { nodata }),
  };
}

function toCogCommand(
  input: Pick<CogSource, 'name' | 'drivers' | 'environment' | 'openOptions'>,
  args: string[],
  { compression, predictor, block_size, overview_resampling }: CogSettings,
  { output, folder, cores }: CogPaths,
): GdalCommand {
  const options = [
    `COMPRESS=${compression.toUpperCase()}`,
    `PREDICTOR=${predictor}`,
    `BLOCKSIZE=${block_size}`,
    // A classic TIFF cannot exceed 4 GiB, and its size is unknown before it is compressed.
    'BIGTIFF=IF_SAFER',
    // Overviews of the source may have been made with another resampling.
    'OVERVIEWS=IGNORE_EXISTING',
    `OVERVIEW_RESAMPLING=${overview_resampling.toUpperCase()}`,
    `NUM_THREADS=${cores}`,
  ];
  return {
    command: 'gdal_translate',
    args: [
      ...['-q', '-of', 'COG', ...args, ...options.flatMap((option) => ['-co', option])],
      ...openOptionsOf([input]),
      input.name,
      output,
    ],
    drivers: [...new Set([...input.drivers, 'GTiff', 'COG'])],
    ...environmentOf([input]),
    folder,
    output,
  };
}
