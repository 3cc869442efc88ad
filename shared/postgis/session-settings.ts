import type { Env } from '#shared/config/env.ts';

/** For fewer rows, starting the parallel workers takes longer than the query. */
const MIN_PARALLEL_ROWS = 20_000;
/** Enough to sort about 100,000 polygons in memory. A session runs one statement at a time. */
const WORK_MEMORY = '256MB';

/**
 * SQL that configures a session for statements on whole tables of `rowCount` rows. The parallel costs are 0, because a
 * PostGIS function costs far more than passing a row between processes, which the planner's defaults do not reflect.
 * lz4 compresses large geometries several times faster than the default; it is set where the server supports it.
 */
export function sessionSettings(env: Pick<Env, 'CORES'>, rowCount: number): string {
  const parallel =
    rowCount < MIN_PARALLEL_ROWS
      ? 'set max_parallel_workers_per_gather = 0'
      : `set max_parallel_workers_per_gather = ${env.CORES}; set parallel_setup_cost = 0;
         set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0`;
  return `set jit = off; set client_min_messages = warning; set work_mem = '${WORK_MEMORY}'; ${parallel};
    select set_config('default_toast_compression', 'lz4', false) from pg_settings
    where name = 'default_toast_compression' and 'lz4' = any(enumvals)`;
}
