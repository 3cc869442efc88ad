import { crsArgument } from '#shared/gdal/crs/crs.ts';
import type { DescribedRaster } from '../read/describe-raster.ts';
import type { RasterInfo } from '../read/raster-info.ts';

/** A raster as the input of GDAL programs. */
export interface CogSource {
  /** The path in the manifest, for messages. */
  file: string;
  /** The name that GDAL opens: a local file, or an image in it. */
  name: string;
  info: RasterInfo;
  drivers: readonly string[];
  /** A code or WKT. Sources with the same text have the same CRS. */
  crs: string;
  /** True when `crs` must be passed to GDAL, because GDAL reads none, or a different one, from the file. */
  crsOverrides: boolean;
}

export function cogSource({ name, info, source, crs, crsOverrides }: DescribedRaster): CogSource {
  return {
    file: source.file,
    name,
    info,
    drivers: source.format.drivers,
    crs: crsArgument(crs),
    crsOverrides,
  };
}

export function haveOneCrs(sources: readonly CogSource[]): boolean {
  return sources.every(({ crs }) => crs === sources[0]?.crs);
}
