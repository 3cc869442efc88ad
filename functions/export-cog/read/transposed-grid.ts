import { SluiceError } from '#shared/errors/sluice-error.ts';
import { metadataItem, type RasterInfo } from './raster-info.ts';

/** What GDAL's netCDF driver says of the last two dimensions when they are not in its order. */
const NOT_ACROSS = /dimension #\d+ \((.+)\) is not a Longitude\/X dimension/;
const NOT_DOWN = /dimension #\d+ \((.+)\) is not a Latitude\/Y dimension/;

/** Throws GEOREFERENCE_MISSING for a grid whose columns run along latitude: GDAL would take latitudes for x, or finds no place at all. */
export function rejectTransposedGrid(info: Pick<RasterInfo, 'metadata'>, stderr: string, file: string): void {
  const [across, down] = [NOT_ACROSS.exec(stderr)?.[1], NOT_DOWN.exec(stderr)?.[1]];
  if (
    across === undefined ||
    down === undefined ||
    !isAxis(info, across, 'latitude') ||
    !isAxis(info, down, 'longitude')
  )
    return;
  throw new SluiceError(
    'GEOREFERENCE_MISSING',
    `The grid of ${file} is transposed: its last two dimensions are ${down} and ${across}, a map has ${across} before ${down}. Change their order (ncpdq -a ${across},${down} IN.nc OUT.nc) and upload it again.`,
    {
      details: { file, dimensions: [down, across] },
    },
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
