import type { Note } from '#shared/contracts/facts.ts';
import { isAxisAligned, isNorthUp } from '../plan/pixel-grid.ts';
import type { DescribedRaster } from '../read/describe-raster.ts';

/** Notes about rasters whose pixels were resampled or reordered to make the grid north-up. */
export function gridNotes(rasters: readonly DescribedRaster[]): Note[] {
  return rasters.flatMap(({ info, source: { file } }): Note[] => {
    if (info.geoTransform === undefined)
      return [
        {
          code: 'GRID_RESAMPLED',
          file,
          message: `${file} is georeferenced by control points. Its pixels were resampled to a regular grid.`,
        },
      ];
    if (isNorthUp(info)) return [];
    if (isAxisAligned(info))
      return [
        {
          code: 'GRID_TURNED',
          file,
          message:
            `The rows of ${file} did not run from west to east and from north to south. ` +
            'They were reordered without a change of values.',
        },
      ];
    return [
      {
        code: 'GRID_RESAMPLED',
        file,
        message: `The grid of ${file} is rotated. Its pixels were resampled to a north-up grid.`,
      },
    ];
  });
}
