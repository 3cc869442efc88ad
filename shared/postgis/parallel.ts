import type { Env } from '#shared/config/env.ts';

/** Below this many rows starting the workers takes longer than the work. */
const MIN_PARALLEL_ROWS = 20_000;
/** Holds a sort of some 100,000 polygons; one statement runs at a time in a session. */
const WORK_MEMORY = '256MB';

/**
 * Settings of a session that works on whole tables of `rowCount` rows. PostGIS functions cost far more than passing a row between
 * processes, which the planner's defaults do not know. lz4 compresses large geometries several times faster than the default, where the server has it.
 */
export function sessionSettings(env: Pick<Env, 'CORES'>, rowCount: number): string {
  const parallel =
    rowCount < MIN_PARALLEL_ROWS
      ? 'set max_parallel_workers_per_gather = 0'
      : `set max_parallel_workers_per_gather = ${env.CORES}; set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0`;
  return `set jit = off; set client_min_messages = warning; set work_mem = '${WORK_MEMORY}'; ${parallel};
    select set_config('default_toast_compression', 'lz4', false) from pg_settings where name = 'default_toast_compression' and 'lz4' = any(enumvals)`;
}
