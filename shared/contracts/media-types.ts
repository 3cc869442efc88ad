const PARQUET = 'application/vnd.apache.parquet';
/** Media type of a Cloud Optimized GeoTIFF (OGC 21-026). */
const CLOUD_OPTIMIZED_GEOTIFF = 'image/tiff; application=geotiff; profile=cloud-optimized';

/** The media type of the file of an asset, by the kind of the asset. */
export const ASSET_MEDIA_TYPE = {
  spatial: PARQUET,
  joined: PARQUET,
  tabular: PARQUET,
  raster: CLOUD_OPTIMIZED_GEOTIFF,
} as const;
