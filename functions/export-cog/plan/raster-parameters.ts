import type { z } from 'zod';
import type { Extent } from '#shared/contracts/extent.ts';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { targetNotes } from '#shared/gdal/crs/check-extent.ts';
import { type Crs, isHorizontal2D } from '#shared/gdal/crs/crs.ts';
import { lookUpCrs } from '#shared/gdal/crs/look-up-crs.ts';
import type { Gdal } from '#shared/gdal/gdal.ts';
import { type Manifest, RasterParametersSchema } from '#shared/manifest/manifest.ts';
import type { DescribedRaster } from '../read/describe-raster.ts';
import type { RasterInfo } from '../read/raster-info.ts';

/** `metadata.raster` of the manifest. */
export type RasterParameters = z.infer<typeof RasterParametersSchema>;

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
export function rasterParameters({ metadata }: Pick<Manifest, 'metadata'>): RasterParameters {
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

const FIELD = 'metadata.raster.target_crs';

/**
 * The CRS of the asset: `code` (metadata.raster.target_crs), else the CRS of the first raster. Throws CRS_UNREADABLE,
 * and MANIFEST_INVALID for a code of a vertical, geocentric or 3D CRS.
 */
export async function chooseTargetCrs(
  rasters: readonly DescribedRaster[],
  code: string | undefined,
  context: { gdal: Gdal; signal: AbortSignal },
): Promise<Crs> {
  if (code !== undefined) return lookUpTargetCrs(code, context);
  const [first] = rasters;
  if (first !== undefined) return first.crs;
  throw new SluiceError('MANIFEST_INVALID', '`files` of the manifest is empty. List at least one file.', {
    details: { field: 'files' },
  });
}

async function lookUpTargetCrs(code: string, { gdal, signal }: { gdal: Gdal; signal: AbortSignal }): Promise<Crs> {
  const crs = await lookUpCrs(gdal, code, signal).catch((thrown: unknown) => {
    const error = asSluiceError(thrown);
    if (error.code !== 'CRS_UNREADABLE') throw error;
    throw new SluiceError('CRS_UNREADABLE', `${FIELD}: ${error.message}`, {
      cause: thrown,
      details: { ...error.details, field: FIELD },
    });
  });
  if (isHorizontal2D(crs)) return crs;
  const message =
    `${FIELD} is ${code} (${crs.name}). A raster needs a projected or geographic 2D coordinate reference system, ` +
    'such as EPSG:4326.';
  throw new SluiceError('MANIFEST_INVALID', message, { details: { crs: code, issues: [{ field: FIELD, message }] } });
}

/** Notes about pixels outside the area of use of the requested CRS. `bbox` is the extent of the asset in degrees. */
export function targetCrsNotes(code: string | undefined, crs: Crs, bbox: Extent | null): Note[] {
  return code === undefined || bbox === null ? [] : targetNotes(crs, bbox, FIELD);
}
