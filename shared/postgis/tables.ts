/** Names in the schema of a run that several functions know. */

/** What load-to-postgis leaves. */
export const RAW_TABLE = 'raw_data';
/** What the recipe or the join leaves, and the export reads. */
export const PROCESSED_TABLE = 'processed';
/** Number of the feature in the order of the files, 1, 2, 3, …; a bigint that never reaches an asset. */
export const KEY_COLUMN = 'sluice_fid';
