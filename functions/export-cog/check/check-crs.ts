import { type Extent, gridOfExtent, type Point } from '#shared/contracts/extent.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { transformToDegrees } from '#shared/gdal/crs/check-extent.ts';
import { type Crs, crsLabel, isSameCrs, parseCrs } from '#shared/gdal/crs/crs.ts';
import type { RasterInfo } from '../read/raster-info.ts';
import type { RasterContext } from '../read/run-gdal.ts';

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

/** A point without a position in one of them is at the edge of the projection. */
function areClose(a: Point | undefined, b: Point | undefined): boolean {
  if (a === undefined || b === undefined) return true;
  const longitudes = (b[0] - a[0] - 360 * Math.round((b[0] - a[0]) / 360)) * Math.cos((a[1] * Math.PI) / 180);
  return Math.hypot(longitudes, b[1] - a[1]) < TOLERANCE_DEGREES;
}

function notInGeoTiff(crs: Crs, file: string): SluiceError {
  const label = crsLabel(crs);
  return new SluiceError(
    'CRS_NOT_IN_GEOTIFF',
    `A GeoTIFF cannot contain the coordinate reference system ${label}, which ${file} would have.`,
    { details: { file, crs: label } },
  );
}
