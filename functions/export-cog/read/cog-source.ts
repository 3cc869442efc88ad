import { crsArgument } from '#shared/gdal/crs/crs.ts';
import type { GdalCommand } from '#shared/gdal/gdal.ts';
import type { DescribedRaster } from './describe-raster.ts';
import type { RasterInfo } from './raster-info.ts';

/** A raster as the input of GDAL programs. */
export interface CogSource {
  /** The path in the manifest, for messages. */
  file: string;
  /** The name that GDAL opens: a local file, or an image in it. */
  name: string;
  info: RasterInfo;
  drivers: readonly string[];
  /** Options of the drivers, as environment variables. */
  environment?: Record<string, string>;
  /** Options of the drivers, as `NAME=VALUE`. */
  openOptions?: string[];
  /** A code or WKT. Sources with the same text have the same CRS. */
  crs: string;
  /** True when `crs` must be passed to GDAL, because GDAL reads none, or a different one, from the file. */
  crsOverrides: boolean;
}

export function cogSource({ name, info, source, crs, crsOverrides, openOptions }: DescribedRaster): CogSource {
  return {
    file: source.file,
    name,
    info,
    drivers: source.format.drivers,
    ...(source.format.environment === undefined ? {} : { environment: source.format.environment }),
    ...(openOptions.length === 0 ? {} : { openOptions }),
    crs: crsArgument(crs),
    crsOverrides,
  };
}

export function haveOneCrs(sources: readonly CogSource[]): boolean {
  return sources.every(({ crs }) => crs === sources[0]?.crs);
}

/** The field `environment` of a GDAL command that reads the sources; empty without one. */
export function environmentOf(sources: readonly Pick<CogSource, 'environment'>[]): Pick<GdalCommand, 'environment'> {
  const variables = sources.flatMap(({ environment }) => Object.entries(environment ?? {}));
  return variables.length === 0 ? {} : { environment: Object.fromEntries(variables) };
}

/** The arguments of a GDAL program for the options with which the drivers open the sources. */
export function openOptionsOf(sources: readonly Pick<CogSource, 'openOptions'>[]): string[] {
  const options = new Set(sources.flatMap(({ openOptions = [] }) => openOptions));
  return [...options].flatMap((option) => ['-oo', option]);
}
