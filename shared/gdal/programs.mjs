// @ts-check
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * The GDAL and PROJ programs that Sluice runs. Plain JavaScript, because the setup reads it before npm packages exist.
 */
export const GDAL_PROGRAMS = /** @type {const} */ ([
  'ogrinfo',
  'ogr2ogr',
  'gdalinfo',
  'gdal_translate',
  'gdalmdimtranslate',
  'gdalwarp',
  'gdaltransform',
  'projinfo',
]);

/**
 * Whether a folder of PATH contains the program, as an executable file.
 *
 * @param {string} program @param {string | undefined} path
 */
export function isOnPath(program, path = process.env.PATH) {
  return (path ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return folder !== '';
    } catch {
      return false;
    }
  });
}
