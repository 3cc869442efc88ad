import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Manifest } from '#shared/manifest/manifest.ts';
import { RasterParametersSchema } from '#shared/manifest/manifest.ts';

type RasterParameters = NonNullable<Manifest['metadata']['raster']>;

/** What a person says of rasters, as commander gives it. */
export interface RasterFlags {
  targetCrs?: string;
  resampling?: RasterParameters['resampling'];
  categorical?: boolean;
  nodata?: number;
  compression?: RasterParameters['compression'];
  mosaic?: boolean;
}

const { resampling, compression } = RasterParametersSchema.shape;

/** Adds the options of metadata.raster to a command. */
export function addRasterOptions(command: Command): Command {
  return command
    .optionsGroup('Rasters:')
    .option('--target-crs <crs>', 'coordinate reference system of the asset (EPSG:3857); that of the file by default')
    .addOption(
      new Option('--resampling <method>', 'for another system and for overviews').choices(resampling.unwrap().options),
    )
    .option('--categorical', 'the values are classes, of which there is no mean; so are palettes by themselves')
    .option('--nodata <value>', 'value that means "no data", instead of what the file says', parseNumber)
    .addOption(
      new Option('--compression <method>', 'compression of the asset (default: deflate)').choices(
        compression.unwrap().options,
      ),
    )
    .option('--mosaic', 'one asset of all files; else one of each');
}

/** The part of a manifest that the options stand for; undefined when none is given. */
export function rasterParameters({
  targetCrs,
  resampling: method,
  categorical,
  nodata,
  compression: packing,
  mosaic,
}: RasterFlags): Partial<RasterParameters> | undefined {
  const fields = { target_crs: targetCrs, resampling: method, categorical, nodata, compression: packing, mosaic };
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a number.');
}
