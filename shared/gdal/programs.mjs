// @ts-check

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
