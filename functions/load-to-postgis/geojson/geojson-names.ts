/** The names and tokens of GeoJSON that GDAL reads. */

/** Members of a feature that are not properties, and those of other objects. */
export const KNOWN_MEMBERS = new Set([
  ...['type', 'properties', 'geometry', 'bbox', 'centroid', 'center'],
  ...['coordinates', 'geometries', 'features', 'crs'],
]);
/** Known members that GDAL does not read in a feature. */
export const UNREAD_MEMBERS = new Set(['centroid', 'center', 'coordinates', 'geometries', 'features']);
/** Members of a feature whose values GDAL reads. */
export const KNOWN_ONCE = new Set(['id', 'properties', 'geometry']);
export const GEOMETRY_TYPES = new Set([
  ...['Point', 'LineString', 'Polygon', 'MultiPoint', 'MultiLineString', 'MultiPolygon', 'GeometryCollection'],
]);
/** Tokens that GDAL reads. Others stay as they are, so that GDAL rejects them. */
export const SCALAR = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|NaN|-?Infinity)$/;
