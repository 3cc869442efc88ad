import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Manifest } from '#shared/manifest/manifest.ts';
import { RasterParametersSchema } from '#shared/manifest/manifest.ts';

type RasterParameters = NonNullable<Manifest['metadata']['raster']>;

/** The raster options, as commander returns them. */
export interface RasterFlags {
  targetCrs?: string;
  resampling?: RasterParameters['resampling'];
  categorical?: boolean;
  nodata?: number;
  compression?: RasterParameters['compression'];
  mosaic?: boolean;
}

const { resampling, compression } = RasterParametersSchema.shape;

/** Adds the options for `metadata.raster`. */
export function addRasterOptions(command: Command): Command {
  return command
    .optionsGroup('Rasters:')
    .option('--target-crs <crs>', 'coordinate reference system of the asset (EPSG:3857); default: that of the file')
    .addOption(
      new Option('--resampling <method>', 'resampling for --target-crs and overviews').choices(
        resampling.unwrap().options,
      ),
    )
    .option('--categorical', 'pixel values are classes, so they are not averaged; default for palettes')
    .option('--nodata <value>', 'nodata value; overrides the value of the file', parseNumber)
    .addOption(
      new Option('--compression <method>', 'compression of the asset (default: deflate)').choices(
        compression.unwrap().options,
      ),
    )
    .option('--mosaic', 'create one asset from all files, instead of one for each');
}

/** Converts the options to `metadata.raster`; undefined when none is set. */
export function rasterParameters({
  targetCrs,
  resampling: method,
  categorical,
  nodata,
  compression: packing,
  mosaic,
}: RasterFlags): Partial<RasterParameters> | undefined {
  const fields = { target_crs: targetCrs, resampling: method, categorical, nodata, compression: packing, mosaic };
  const defined = Object.entries(fields).filter(([, value]) => value !== undefined);
  return defined.length === 0 ? undefined : Object.fromEntries(defined);
}

function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a number.');
}
