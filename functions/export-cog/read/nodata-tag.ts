import { open } from 'node:fs/promises';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { readTiffDirectories } from '../check/tiff-directories.ts';
import { isNodataOf } from './attached-files.ts';
import type { RasterInfo } from './raster-info.ts';

/**
 * A note when the nodata value in a GeoTIFF is not the one that GDAL uses: for 64-bit integers, GDAL reads only the
 * digits before a point or an exponent, so `-9.22e+18` becomes -9. Other files are not read.
 */
export async function nodataTagNotes(
  { path, file }: { path: string; file: string },
  { bands: [band], driverShortName }: RasterInfo,
): Promise<Note[]> {
  if (driverShortName !== 'GTiff' || band === undefined || !/^U?Int64$/.test(band.type)) return [];
  await using tiff = await open(path);
  const declared = (await readTiffDirectories(tiff))?.[0]?.gdalNodata;
  if (declared === undefined || declared === '' || isNodataOf(band, declared)) return [];
  const used = band.noDataValue === undefined ? 'no nodata value' : `the nodata value ${band.noDataValue}`;
  const message =
    `${file} declares the nodata value ${declared} (tag GDAL_NODATA), of which GDAL reads only the first digits for ` +
    `the type ${band.type}. The asset has ${used}. Set \`metadata.raster.nodata\` in the manifest to use the value.`;
  return [{ code: 'NODATA_NOT_USED', file, message }];
}
