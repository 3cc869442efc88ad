import { SYSTEM_COLUMNS } from '#shared/contracts/column-names.ts';

/** Names of the schema of a run, and of the tables and columns in it that several functions use. */

const SCHEMA = /^proc_([0-9a-f]{8})_([0-9a-f]{4})_([0-9a-f]{4})_([0-9a-f]{4})_([0-9a-f]{12})$/;

/** `proc_` and the run id, with `_` for `-`. */
export function schemaOfRun(runId: string): string {
  return `proc_${runId.replaceAll('-', '_')}`;
}

/** The run id of a schema name; undefined when the schema does not belong to a run. */
export function runOfSchema(schema: string): string | undefined {
  return SCHEMA.exec(schema)?.slice(1).join('-');
}

/** The table that load-to-postgis creates. */
export const RAW_TABLE = 'raw_data';
/** The table that transform-recipe and join create, and export-geoparquet exports. */
export const PROCESSED_TABLE = 'processed';
/** Number of the feature in the order of the files, from 1. A bigint; it is not exported. */
export const KEY_COLUMN = 'sluice_fid';

/**
 * Names, in lower case, that attribute columns must not have: PostgreSQL's system columns, the key column, and the
 * covering column that the export adds beside the geometry.
 */
export const RESERVED_COLUMNS: readonly string[] = ['bbox', KEY_COLUMN, ...SYSTEM_COLUMNS];

/** Columns that a table of PostgreSQL can have (MaxHeapAttributeNumber). */
export const MAX_POSTGRES_COLUMNS = 1600;
