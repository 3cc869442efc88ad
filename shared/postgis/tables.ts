/** Names in the schema of a run that several functions know. */

/** What load-to-postgis leaves. */
export const RAW_TABLE = 'raw_data';
/** What the recipe or the join leaves, and the export reads. */
export const PROCESSED_TABLE = 'processed';
/** Number of the feature in the order of the files, 1, 2, 3, …; a bigint that never reaches an asset. */
export const KEY_COLUMN = 'sluice_fid';

/** Names that no attribute column may have, in lower case: PostgreSQL's own columns, and the covering column that GeoParquet adds beside the geometry. */
export const RESERVED_COLUMNS: readonly string[] = [
  'bbox',
  KEY_COLUMN,
  'tableoid',
  'xmin',
  'cmin',
  'xmax',
  'cmax',
  'ctid',
];
