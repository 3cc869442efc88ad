import type { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type Manifest, RasterParametersSchema } from '#shared/manifest/manifest.ts';
import type { PixelValue, RasterInfo } from './raster-info.ts';

/** `metadata.raster` of the manifest. */
export type RasterParameters = z.infer<typeof RasterParametersSchema>;

/** metadata.raster. `nodata` can also be the value that replaced several nodata values of the sources. */
export type CogParameters = Omit<RasterParameters, 'nodata'> & { nodata?: PixelValue | undefined };

/** Smallest and largest values of GDAL's integer types. */
export const INTEGER_RANGES: Record<string, [number, number]> = {
  Byte: [0, 255],
  Int8: [-128, 127],
  UInt16: [0, 65_535],
  Int16: [-32_768, 32_767],
  UInt32: [0, 4_294_967_295],
  Int32: [-2_147_483_648, 2_147_483_647],
};

/** metadata.raster with its defaults. */
export function requestedParameters({ metadata }: Pick<Manifest, 'metadata'>): RasterParameters {
  return metadata.raster ?? RasterParametersSchema.parse({});
}

/**
 * Throws MANIFEST_INVALID for a nodata value outside the range of the pixel type. GDAL would use the nearest possible
 * value, which may be data.
 */
export function checkNodata({ nodata }: RasterParameters, { bands }: Pick<RasterInfo, 'bands'>, file: string): void {
  if (nodata === undefined) return;
  const type = bands
    .map((band) => band.type)
    .find((candidate) => {
      const range = INTEGER_RANGES[candidate];
      return range !== undefined && (!Number.isInteger(nodata) || nodata < range[0] || nodata > range[1]);
    });
  if (type === undefined) return;
  const message =
    `metadata.raster.nodata is ${nodata}, but the pixels of ${file} are of type ${type}. ` +
    'Choose a value of that type.';
  throw new SluiceError('MANIFEST_INVALID', message, {
    details: { file, issues: [{ field: 'metadata.raster.nodata', message }] },
  });
}
