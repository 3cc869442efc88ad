import { SluiceError } from '#shared/errors/sluice-error.ts';
import { metadataItem, type RasterInfo } from './raster-info.ts';

/** Warnings of GDAL's netCDF driver about the last two dimensions when they are not (y, x). */
const NOT_X = /dimension #\d+ \((.+)\) is not a Longitude\/X dimension/;
const NOT_Y = /dimension #\d+ \((.+)\) is not a Latitude\/Y dimension/;

/**
 * Throws GEOREFERENCE_MISSING for a netCDF grid with the dimensions (lon, lat). GDAL would read latitudes as x, or find
 * no georeference.
 */
export function rejectTransposedGrid(info: Pick<RasterInfo, 'metadata'>, stderr: string, file: string): void {
  const [last, secondLast] = [NOT_X.exec(stderr)?.[1], NOT_Y.exec(stderr)?.[1]];
  if (last === undefined || secondLast === undefined) return;
  if (!isAxis(info, last, 'latitude') || !isAxis(info, secondLast, 'longitude')) return;
  throw new SluiceError(
    'GEOREFERENCE_MISSING',
    `The grid of ${file} is transposed: its last two dimensions are ${secondLast}, ${last}; ` +
      `they must be ${last}, ${secondLast}. ` +
      `Change their order (ncpdq -a ${last},${secondLast} IN.nc OUT.nc) and upload the file again.`,
    { details: { file, dimensions: [secondLast, last] } },
  );
}

/** By the CF conventions (4.1, 4.2), else by the name of the dimension. */
function isAxis(info: Pick<RasterInfo, 'metadata'>, dimension: string, axis: 'latitude' | 'longitude'): boolean {
  const direction = axis === 'latitude' ? 'n(?:orth)?' : 'e(?:ast)?';
  return (
    metadataItem(info, `${dimension}#standard_name`) === axis ||
    new RegExp(`^degrees?_?${direction}$`, 'i').test(metadataItem(info, `${dimension}#units`) ?? '') ||
    new RegExp(`^${axis.slice(0, 3)}`, 'i').test(dimension)
  );
}
